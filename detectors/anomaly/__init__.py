"""Single outputs that are odd: conformal p-values, combined per output, ranked. Never a page."""
