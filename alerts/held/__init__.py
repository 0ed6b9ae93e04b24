"""Evidence that a person holds: kept from expiring until it is released."""
