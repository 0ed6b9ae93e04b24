"""Cost and quality of redaction and scorers."""
