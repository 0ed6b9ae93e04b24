"""The page about learned baselines: is what was learned what we want."""
