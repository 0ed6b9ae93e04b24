"""Links in messages that act on one incident."""
