"""Lightship's own health: what stalls, restarts or fills up becomes an incident."""
