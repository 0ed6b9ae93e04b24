"""Messages on their way to receivers, taken from the stored history."""
