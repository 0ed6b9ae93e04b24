"""Calls and hits minute by minute: what shows that a gross rise is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from detectors.fast.distinct import MOST_TRIALS, NOBODY, Call, Place


class Minute(NamedTuple):
    """A minute (Unix time // 60 s), the calls that count in it, and the hits among them."""

    minute: int
    n: int
    hits: int


def minutes_of(calls: Iterable[Call], flag: int) -> list[Minute]:
    """Minutes in which a flag applied, in order.

    Of one conversation's or user's calls of a minute a few that go well count, and every hit: whoever makes a
    thousand that do does not end the trouble of others.
    """
    mine = sorted(call for call in calls if call.applies >> flag & 1)
    found = []
    for minute, some in groupby(mine, key=lambda call: call.minute):
        hits, well = 0, Counter[Place]()
        for call in some:
            if call.hits >> flag & 1:
                hits += 1
            else:
                well[call.place] += 1
        counted = sum(n if place == NOBODY else min(n, MOST_TRIALS) for place, n in well.items())
        found.append(Minute(minute, counted + hits, hits))
    return found
