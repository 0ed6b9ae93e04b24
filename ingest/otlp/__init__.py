"""OTLP bytes to interactions: wire formats, dialects, assembly, redaction."""
