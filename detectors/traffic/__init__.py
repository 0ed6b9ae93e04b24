"""How much traffic comes at all, and what comes in bursts."""
