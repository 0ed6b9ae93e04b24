"""The cause page: what goes with the change."""
