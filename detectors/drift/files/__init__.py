"""One series of values from a file."""
