"""Evidence under legal hold: kept from expiring until it is released."""
