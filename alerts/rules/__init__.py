"""Rules that people add to a service while it is watched, beside those of the settings."""
