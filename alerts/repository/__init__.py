"""Incidents, their history and deliveries in ClickHouse."""
