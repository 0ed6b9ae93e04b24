"""The fleet page: which services changed, and since when."""
