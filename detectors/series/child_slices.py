"""Slices that show what the whole of their score shows: evidence of its finding, not pages of their own."""

from __future__ import annotations

from detectors.finding import ALL, Child
from detectors.series.series_banks import WatchList
from detectors.series.watched_series import Watched

HALF_WAY = 0.5
"""Part of its threshold, in logarithms, from which on a slice's own evidence is worth saying."""
MOST = 10


def children(watch: WatchList, parent: Watched, tick: int) -> tuple[Child, ...]:
    """Slices of ``parent``'s score at least half way to a page at ``tick``, the strongest first."""
    if parent.key.slice != ALL:
        return ()
    found = []
    for watched in watch.series.values():
        if (watched.key.unit, watched.key.score) != (parent.key.unit, parent.key.score):
            continue
        if watched is parent or watched.open is not None:
            continue
        evidence, threshold = watch.evidence(watched, tick)
        if evidence >= HALF_WAY * threshold:
            found.append(Child(watched.key.slice, round(evidence, 9), round(threshold, 9)))
    return tuple(sorted(found, key=lambda c: (c.threshold - c.evidence, c.slice))[:MOST])
