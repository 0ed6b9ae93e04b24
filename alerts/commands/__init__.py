"""Commands of ``lightship`` about alerts: options, and what is asked of the API."""
