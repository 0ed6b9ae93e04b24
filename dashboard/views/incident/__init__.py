"""The incident page: what happened, how sure are we, what next."""
