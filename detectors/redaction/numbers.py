"""Digit groups as people write them, and which of them make a card, a phone number or a national id."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from detectors.redaction.budget import NUMBER_US
from detectors.redaction.cards import card
from detectors.redaction.grouping import (
    FIXED_SHAPES,
    MAX_DIGITS,
    MAX_FREE_GROUPS,
    MAX_GROUPS,
    MIN_DIGITS,
    Rows,
)
from detectors.redaction.hits import Hit
from detectors.redaction.matching import Pattern
from detectors.redaction.national_ids import national_number
from detectors.redaction.number import Number
from detectors.redaction.phones import phone
from detectors.redaction.views import LONG, View, spend

WORTH = r"\d(?:[ ().\-/]{0,3}\d){6}"
"""What no text with such a number lacks."""
_RUN = Pattern(WORTH[:-1] + ",}")
_GROUP = Pattern(r"\d+")

_RECOGNISERS: tuple[Callable[[Number], Hit | None], ...] = (card, national_number, phone)


def numbers(view: View) -> Iterator[Hit]:
    """Cards, phone numbers and numeric national ids, leftmost and longest first."""
    if len(view.data) >= LONG:
        from detectors.redaction.windows import rows  # noqa: PLC0415 - numpy: for long texts alone

        yield from _in_rows(view, rows(view.data, view.meter))
        return
    for run in _RUN.all(view.data, view.meter):
        groups = [match.span() for match in _GROUP.all(view.data[run.start() : run.end()])]
        yield from _in_run(view, [(a + run.start(), b + run.start()) for a, b in groups])


def _in_run(view: View, groups: list[tuple[int, int]]) -> Iterator[Hit]:
    first = 0
    follows = False
    while first < len(groups):
        last, hit = _beginning_at(view, groups, first, follows=follows)
        if hit is not None:
            yield hit
            first = last
        follows = hit is None
        first += 1


def _in_rows(view: View, rows: Rows) -> Iterator[Hit]:
    """The same over all rows of a text, reading only what is worth it and what follows a number."""
    free = -1  # the group after a number, which may begin another
    look, size = rows.look, len(rows.row)
    index = 0
    while index < len(look) or free >= 0:
        if free >= 0 and (index == len(look) or free <= look[index]):
            first, follows, free = free, False, -1
        else:
            first = look[index]
            follows = first > 0 and rows.row[first - 1] == rows.row[first]
        end = first + 1
        while end < min(size, first + MAX_GROUPS) and rows.row[end] == rows.row[first]:
            end += 1
        groups = list(zip(rows.starts[first:end], rows.ends[first:end], strict=True))
        last, hit = _beginning_at(view, groups, 0, follows=follows)
        last += first
        while index < len(look) and look[index] <= last:
            index += 1
        if hit is None:
            continue
        yield hit
        if last + 1 < size and rows.row[last + 1] == rows.row[last]:
            free = last + 1


def _beginning_at(
    view: View, groups: list[tuple[int, int]], first: int, *, follows: bool
) -> tuple[int, Hit | None]:
    """The longest number that begins with group ``first``, and its last group."""
    for last in _lengths(groups, first):
        if not _worth_a_look(view, groups[first : last + 1], follows=follows):
            continue
        spend(view, NUMBER_US)
        hit = _recognised(view, groups[first : last + 1], follows=follows)
        if hit is not None:
            return last, hit
    return first, None


def _worth_a_look(view: View, groups: list[tuple[int, int]], *, follows: bool) -> bool:
    """Whether the grouping alone does not rule out every kind of number: keeps tables of numbers cheap."""
    marked = view.data[groups[0][0] - 1 : groups[0][0]] in (b"+", b"(")
    if len(groups) == 1 or (marked and len(groups) <= MAX_FREE_GROUPS):
        return True
    if not follows and len(groups) <= MAX_FREE_GROUPS:
        return True
    return tuple(b - a for a, b in groups) in FIXED_SHAPES


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
