"""From an application's telemetry to stored interactions and observations."""
