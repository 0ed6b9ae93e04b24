"""Commands that read what the dashboard reads."""
