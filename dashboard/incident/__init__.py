"""An incident as it was stored, and what its page shows of it."""
