"""Every number we quote is printed by a module here."""
