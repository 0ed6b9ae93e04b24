"""The page about the pipeline: is the monitor itself alive."""
