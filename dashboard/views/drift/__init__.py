"""The drift page: how does this score differ from its baseline."""
