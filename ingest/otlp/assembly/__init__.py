"""From spans and log records to interactions: each model call once."""
