"""What a search returns: where in a view which type of value stands."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Hit:
    """One value found in a view. ``value`` is its canonical form, the same for every way of writing it.

    ``rank`` decides overlaps on one level of escapes: lower wins. ``loose`` hits rest on shape and
    neighbourhood alone and are not searched in values whose key says that they are ids.
    """

    start: int
    end: int
    type: str
    value: str
    rank: int
    loose: bool = False


RANK_KEYED = 0
RANK_STRUCTURE = 1
RANK_VENDOR = 2
RANK_CHECKED = 3
RANK_ASSIGNED = 4
RANK_NUMBER = 5


def without_overlap(hits: Iterable[Hit]) -> list[Hit]:
    """The hits that stay, by position: the best rank, then the longest, then the first takes its place."""
    starts: list[int] = []
    taken: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (h.rank, h.start - h.end, h.start)):
        place = bisect_left(starts, hit.start)
        if place < len(taken) and taken[place].start < hit.end:
            continue
        if place > 0 and taken[place - 1].end > hit.start:
            continue
        starts.insert(place, hit.start)
        taken.insert(place, hit)
    return taken
