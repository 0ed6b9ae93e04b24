"""Whether stored findings follow from what is stored."""
