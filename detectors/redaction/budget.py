"""What the search of one text may cost, counted and not timed: the same text always gets the same answer.

Each candidate, escape and pass over a text has a price in microseconds of a slow core. A text whose
search costs more than its budget is withheld: all of it becomes one placeholder and its length.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
CHARACTERS_PER_US = 250
"""Speed of one pass of one pattern."""
CANDIDATE_US = 8
"""One place that has to be looked at more closely."""
NUMBER_US = 46
"""One grouping of digits tried as a card, a telephone number and a national id."""
ESCAPE_US = 2
"""One run of backslashes undone."""
FOUND_US = 8
"""One value found, over and above the look at its place: what is withheld was found and never replaced."""
VALUE_US = 8
"""One value replaced."""
ASSIGNED_US = 16
"""One value after a name or sign that may make it a secret."""
NETWORK_US = 30
"""One address of IP version 6 taken apart."""
CHARACTERS_FOLDED_PER_US = 10
"""Speed of folding a text in other scripts."""


class OverBudget(Exception):
    """The search of a text costs more than it may."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one text may cost.

    Parameters
    ----------
    text_ms
        Milliseconds for a text of up to 1 MiB; a longer one has as much more as it is longer.
    text_chars
        Longest text that is searched at all.
    """

    text_ms: float = 300.0
    text_chars: int = 8 * MIB

    def us_for(self, chars: int) -> int:
        """Microseconds for a text of so many characters."""
        return round(self.text_ms * 1000 * max(1.0, chars / MIB))


class Meter:
    """Counts down what is left for one text."""

    __slots__ = ("left_us",)

    def __init__(self, left_us: int) -> None:
        self.left_us = left_us

    def spend(self, us: int) -> None:
        """Take ``us`` microseconds.

        Raises
        ------
        OverBudget
            If there are not as many left.
        """
        self.left_us -= us
        if self.left_us < 0:
            raise OverBudget
