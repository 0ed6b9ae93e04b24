"""One candidate number: its digits, how they are grouped, and what stands around it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from detectors.redaction.matching import Pattern, free_after, free_before
from detectors.redaction.views import View

BEFORE = 48
"""Characters before a number in which a word may say what it is."""


@dataclass(slots=True)
class Number:
    """Digit groups in a row of a view.

    ``shape`` holds the lengths of the groups, ``gaps`` the signs between them, ``before`` the lower-case
    text in front, ``plus`` whether a ``+`` leads. ``start`` includes a leading ``+`` or ``(``;
    ``follows`` says that other numbers stand before it in its row;
    ``extension_end`` lies after a telephone extension (``x123``), else it is ``end``.
    """

    start: int
    end: int
    digits: str
    shape: tuple[int, ...]
    gaps: tuple[str, ...]
    plus: bool
    before: str
    extension_end: int
    follows: bool

    @property
    def plain(self) -> bool:
        """Whether the digits stand in one group."""
        return len(self.shape) == 1

    @property
    def varied(self) -> bool:
        """Whether the digits are no obvious filler such as 5555555555, 0123456789 or 9876543210."""
        digits = self.digits
        return len(set(digits)) > 2 and digits not in _COUNTING and digits not in _COUNTING[::-1]

    @staticmethod
    def of(view: View, groups: list[tuple[int, int]], *, follows: bool) -> Number | None:
        """The number that ``groups`` make; ``None`` if a letter or more digits touch it."""
        text, data = view.text, view.data
        start, end = groups[0][0], groups[-1][1]
        if not free_before(data, start):
            return None
        gaps = tuple(text[a[1] : b[0]] for a, b in pairwise(groups))
        if start and text[start - 1] == "(" and any(")" in gap for gap in gaps):
            start -= 1
        plus = start > 0 and text[start - 1] == "+"
        if plus:
            start -= 1
        if start and text[start - 1] == "(" and text[start] == "+" and any(")" in gap for gap in gaps):
            start -= 1
        extension = _EXTENSION.at(data, end) if data[end : end + 1] in _BEFORE_EXTENSION else None
        extension_end = end if extension is None else extension.end()
        if not free_before(data, start) or not free_after(data, extension_end):
            return None
        if data[start - 1 : start] in _JOINTS and data[start - 2 : start - 1].isdigit():
            return None
        if data[end : end + 1] in _JOINTS and data[end + 1 : end + 2].isdigit():
            fraction = _NO_FRACTION.at(data, end)
            if fraction is None or len(groups) > 1 or data[fraction.end() : fraction.end() + 1].isdigit():
                return None
            end = extension_end = fraction.end()  # a whole number written as a fraction
        digits = "".join(text[a:b] for a, b in groups)
        if not digits.isascii():
            return None
        before = text[max(0, start - BEFORE) : start].lower()
        return Number(
            start, end, digits, tuple(b - a for a, b in groups), gaps, plus, before, extension_end, follows
        )


_JOINTS = (b".", b",", b"-", b"/")
_NO_FRACTION = Pattern(r"\.0{1,3}")
_BEFORE_EXTENSION = (b" ", b"x", b"X", b"e", b"E", b"#")
_EXTENSION = Pattern(r" {0,2}(?:x|ext\.?|#) ?\d{1,6}", ignore_case=True)
_COUNTING = "01234567890123456789"
