"""What tables and sentences of several pages say, computed from what was read. Pure."""
