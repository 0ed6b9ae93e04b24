"""The operator's budget of false alarms, and how it is divided among services."""
