"""What services that people use send back: who acknowledged there."""
