"""The HTTP API of the alerts service: incidents, rules, silences, baselines, links."""
