"""Counts of a service's series per tick of event time, aggregated from observations."""
