"""The state of all incidents, and what findings, people and time do to it. Pure."""
