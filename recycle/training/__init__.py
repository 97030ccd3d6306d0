"""One training entry for every family."""
