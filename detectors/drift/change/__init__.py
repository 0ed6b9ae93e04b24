"""What is known of a change: since when, how much, where, whether it has ended."""
