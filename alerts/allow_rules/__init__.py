"""Allow rules: what may stand in outputs without being a leak, until a time."""
