"""What numbers mean: levels, changes, intervals, and which score measures what. Pure."""
