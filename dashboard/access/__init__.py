"""Who looks, and what that person may see and do."""
