"""The value type of predictions, its files, and functions on boxes."""
