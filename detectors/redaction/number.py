"""One candidate number: its digits, how they are grouped, and what stands around it."""

from __future__ import annotations

from dataclasses import dataclass

from detectors.redaction.matching import Pattern, free_after, free_before
from detectors.redaction.views import View

BEFORE = 48
"""Characters before a number in which a word may say what it is."""


@dataclass(frozen=True, slots=True)
class Number:
    """Digit groups in a row of a view.

    ``shape`` holds the lengths of the groups, ``gaps`` the signs between them, ``before`` the lower-case
    text in front, ``plus`` whether a ``+`` leads. ``start`` includes a leading ``+`` or ``(``;
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
    def of(view: View, groups: list[tuple[int, int]]) -> Number | None:
        """The number that ``groups`` make, ``None`` if a letter, digit or decimal point touches it."""
        text = view.text
        start, end = groups[0][0], groups[-1][1]
        gaps = tuple(text[a[1] : b[0]] for a, b in zip(groups, groups[1:], strict=False))
        if start and text[start - 1] == "(" and any(")" in gap for gap in gaps):
            start -= 1
        plus = start > 0 and text[start - 1] == "+"
        if plus:
            start -= 1
        if start and text[start - 1] == "(" and text[start] == "+" and any(")" in gap for gap in gaps):
            start -= 1
        data = view.data
        extension = _EXTENSION.at(data, end)
        extension_end = end if extension is None else extension.end()
        if not free_before(data, start) or not free_after(data, extension_end):
            return None
        if data[start - 1 : start] in (b".", b",") and data[start - 2 : start - 1].isdigit():
            return None
        if data[end : end + 1] in (b".", b",") and data[end + 1 : end + 2].isdigit():
            return None
        digits = "".join(text[a:b] for a, b in groups)
        if not digits.isascii():
            return None
        before = text[max(0, start - BEFORE) : start].lower()
        return Number(start, end, digits, tuple(b - a for a, b in groups), gaps, plus, before, extension_end)


_EXTENSION = Pattern(r" {0,2}(?:x|ext\.?|#) ?\d{1,6}", ignore_case=True)
_COUNTING = "01234567890123456789"
