"""Digit groups as people write them, and which of them make a card, a phone number or a national id."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from detectors.redaction.cards import card
from detectors.redaction.hits import Hit
from detectors.redaction.matching import Pattern
from detectors.redaction.national_ids import national_number
from detectors.redaction.number import Number
from detectors.redaction.phones import phone
from detectors.redaction.views import View

MAX_GROUPS = 8
MAX_DIGITS = 19
MIN_DIGITS = 7
"""Bounds of one number; longer stretches are tables, in which every start is tried."""

_RUN = Pattern(r"\d(?:[ ().\-/]{0,3}\d){6,}")
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
            hit = _recognised(view, groups[first : last + 1], follows=follows)
            if hit is not None:
                yield hit
                first = last
                break
        follows = hit is None
        first += 1


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
