"""Panels that are larger than a piece and part of several pages, or of one."""
