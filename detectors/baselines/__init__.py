"""The life of a baseline: learned, proposed, accepted, adopted, reviewed, expected to change."""
