"""What people handle: incidents, their life cycle, and the messages about them."""
