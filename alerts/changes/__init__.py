"""Changes that people and tools recorded."""
