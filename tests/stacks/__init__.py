"""Real applications, each in its own environment, started as ``lightship env`` says: ``make stacks``."""
