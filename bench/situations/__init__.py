"""How soon people hear of what goes wrong: traffic, causes, and the clock between them and a message."""
