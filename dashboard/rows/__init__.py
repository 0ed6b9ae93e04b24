"""What tables and sentences of a page say, computed from what was read. Pure."""
