"""The page about detection itself: can I trust the detector."""
