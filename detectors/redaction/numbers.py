"""Digit groups as people write them, and which of them make a card, a phone number or a national id."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from detectors.redaction.cards import CARD_SHAPES, card
from detectors.redaction.hits import Hit
from detectors.redaction.matching import Pattern
from detectors.redaction.national_ids import NATIONAL_SHAPES, national_number
from detectors.redaction.number import Number
from detectors.redaction.phones import DISTINCT_SHAPES, phone
from detectors.redaction.views import View

MAX_GROUPS = 8
MAX_FREE_GROUPS = 6
MAX_DIGITS = 19
MIN_DIGITS = 7
"""Bounds of one number; longer stretches are tables, in which only fixed groupings are looked at."""

_FIXED_SHAPES = CARD_SHAPES | NATIONAL_SHAPES | DISTINCT_SHAPES
WORTH = r"\d(?:[ ().\-/]{0,3}\d){6}"
"""What no text with such a number lacks."""
_RUN = Pattern(WORTH[:-1] + ",}")
_GROUP = Pattern(r"\d+")

_RECOGNISERS: tuple[Callable[[Number], Hit | None], ...] = (card, national_number, phone)


def numbers(view: View) -> Iterator[Hit]:
    """Cards, phone numbers and numeric national ids, leftmost and longest first."""
    for run in _RUN.all(view.data):
        groups = [match.span() for match in _GROUP.all(view.data[run.start() : run.end()])]
        yield from _in_run(view, [(a + run.start(), b + run.start()) for a, b in groups])


def _in_run(view: View, groups: list[tuple[int, int]]) -> Iterator[Hit]:
    first = 0
    follows = False
    while first < len(groups):
        hit = None
        for last in _lengths(groups, first):
            if not _worth_a_look(view, groups[first : last + 1], follows=follows):
                continue
            hit = _recognised(view, groups[first : last + 1], follows=follows)
            if hit is not None:
                yield hit
                first = last
                break
        follows = hit is None
        first += 1


def _worth_a_look(view: View, groups: list[tuple[int, int]], *, follows: bool) -> bool:
    """Whether the grouping alone does not rule out every kind of number: keeps tables of numbers cheap."""
    marked = view.data[groups[0][0] - 1 : groups[0][0]] in (b"+", b"(")
    if len(groups) == 1 or (marked and len(groups) <= MAX_FREE_GROUPS):
        return True
    if not follows and len(groups) <= MAX_FREE_GROUPS:
        return True
    return tuple(b - a for a, b in groups) in _FIXED_SHAPES


def _lengths(groups: list[tuple[int, int]], first: int) -> list[int]:
    """Last groups of the candidates that begin at ``first``, longest first."""
    ends = []
    total = 0
    for last in range(first, min(first + MAX_GROUPS, len(groups))):
        total += groups[last][1] - groups[last][0]
        if total > MAX_DIGITS:
            break
        if total >= MIN_DIGITS:
            ends.append(last)
    return ends[::-1]


def _recognised(view: View, groups: list[tuple[int, int]], *, follows: bool) -> Hit | None:
    item = Number.of(view, groups, follows=follows)
    if item is None:
        return None
    for recogniser in _RECOGNISERS:
        hit = recogniser(item)
        if hit is not None:
            return hit
    return None
