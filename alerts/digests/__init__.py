"""A day or a week in one message."""
