"""Stage 2: the observation log to findings."""
