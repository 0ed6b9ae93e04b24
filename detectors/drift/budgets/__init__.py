"""The operator's budget of false alarms, down to the share of a channel."""
