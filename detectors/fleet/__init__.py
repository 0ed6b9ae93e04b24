"""Series over several services: one model or provider that changes for all who use it."""
