"""What people decide, and the doors through which they do."""
