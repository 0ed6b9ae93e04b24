"""How much comes at all, and what comes in bursts."""
