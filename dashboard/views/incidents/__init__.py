"""The page of incidents: what is open, and how did the others end."""
