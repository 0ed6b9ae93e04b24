"""The explore page: how does one score behave, and for whom."""
