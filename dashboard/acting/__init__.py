"""What people do where they look: incidents, examples, rules."""
