"""Commands of ``lightship`` about telemetry: their options."""
