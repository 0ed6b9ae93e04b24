"""Custom scores: declared in a table or by a plug-in, measured as the built-in ones are."""
