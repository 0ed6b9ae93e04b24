"""Applications that live tests start in other environments."""
