"""The watched series of one service: their channels, statistics and open findings."""
