"""The page about one trace: what happened in it."""
