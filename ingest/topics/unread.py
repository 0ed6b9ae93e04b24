"""Which partitions may hold messages nobody has read: those are not idle, however long nothing came.

A broker that does not answer looks like a partition without data: nothing comes, and what was last heard of
its end is what was last read. So an end counts only if the broker told it just now. It comes with every
answer to a fetch, also with an empty one, and is right on every broker; asking for end offsets is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ingest.topics.in_order import Place

FRESH_MS = 3_000
"""A fetch with nothing to return is answered within half a second."""


@dataclass(frozen=True, slots=True)
class End:
    """Where a partition ended, and when the broker said so (Unix time, milliseconds)."""

    offset: int
    told_ms: int


def unread(
    places: Iterable[Place],
    end: Callable[[Place], End | None],
    committed: Callable[[Place], int | None],
    now_ms: int,
) -> set[Place]:
    """Partitions whose end is not known, was told too long ago, or lies behind what is committed.

    One that was told in the future was told by a clock that has jumped: nobody knows how long ago.
    """
    found = set()
    for place in places:
        last = end(place)
        if last is None or abs(now_ms - last.told_ms) > FRESH_MS or last.offset > (committed(place) or 0):
            found.add(place)
    return found
