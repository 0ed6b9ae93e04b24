"""The acceptance harness of drift detection: our engine and others on the same simulated traffic."""
