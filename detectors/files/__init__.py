"""One series of values from a file, watched as the stream would watch it."""
