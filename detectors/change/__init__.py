"""What is known of a change: since when, how much, where, and whether it has ended."""
