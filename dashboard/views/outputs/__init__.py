"""The outputs page: what do the changed outputs look like."""
