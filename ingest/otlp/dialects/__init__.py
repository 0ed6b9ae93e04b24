"""One file for each instrumentation that is read."""
