"""What a score measures and how its values are written; intervals. Pure."""
