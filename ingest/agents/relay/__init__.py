"""From the open topics to the redacted ones."""
