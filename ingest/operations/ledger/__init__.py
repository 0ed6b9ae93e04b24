"""The account of every record, and its proof."""
