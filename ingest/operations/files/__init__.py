"""Commands on files alone, without a server."""
