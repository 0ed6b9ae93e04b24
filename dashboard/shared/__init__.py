"""What several pages are built from: header, choice of a score, session, cached data."""
