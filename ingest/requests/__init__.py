"""JSON that somebody outside sends beside OTLP: feedback, scores, change events."""
