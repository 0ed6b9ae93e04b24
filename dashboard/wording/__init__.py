"""Fixed sentences by view, beside those of `dashboard.strings` that every page shares."""
