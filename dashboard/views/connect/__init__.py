"""The page about connecting: does what I sent arrive, and is it complete."""
