"""The door for telemetry: OTLP over HTTP in, redacted messages in Kafka out, answered when durable."""
