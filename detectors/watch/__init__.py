"""Everything that is watched in one service: counts come in, findings come out."""
