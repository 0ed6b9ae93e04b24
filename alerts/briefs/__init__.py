"""The message about an incident, and the words and numbers it is made of."""
