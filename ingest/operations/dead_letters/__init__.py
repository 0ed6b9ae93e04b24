"""What could not be processed: shown, and sent again."""
