"""Stage 1: raw messages to stored rows and observations."""
