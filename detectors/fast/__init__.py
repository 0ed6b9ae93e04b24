"""The fast path: gross rises within minutes, over distinct conversations."""
