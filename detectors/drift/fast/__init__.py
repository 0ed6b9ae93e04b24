"""The fast path: gross rises over distinct conversations, within minutes."""
