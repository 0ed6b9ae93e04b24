"""Stored calls, shown in a terminal: as they come, or one with all that is kept of it."""
