"""What an incident is, and how it begins, goes on and ends."""
