"""Rules and objectives of an operator, decided whenever a tick closes."""
