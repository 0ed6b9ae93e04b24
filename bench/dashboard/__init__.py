"""How fast the dashboard answers on a large store."""
