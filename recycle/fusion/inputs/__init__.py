"""Files of predictions from anywhere, as inputs of a fusion."""
