"""What people say of a score: that it is right of one interaction, or wrong.

It is a judgement like any other, whose name says which score is meant: ``right:injection`` with the value
true (1) or false (0). Its series tells when a scorer begins to fail, and many of them together tell how often
a hit of the scorer is one.
"""

from __future__ import annotations

RIGHT = "right:"
"""What the name of such a judgement begins with."""


def evaluated_score(name: str) -> str | None:
    """The score that a judgement of this name is about; ``None`` if it is about no score."""
    return name.removeprefix(RIGHT) or None if name.startswith(RIGHT) else None
