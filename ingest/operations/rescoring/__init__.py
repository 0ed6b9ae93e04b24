"""Stored text scored again, for scores whose values changed their meaning."""
