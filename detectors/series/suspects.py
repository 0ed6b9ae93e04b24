"""What else changed near an onset: values of dimensions that were new then, and what they took the place of.

Everything is read from closed ticks of the service's own history, so the same log gives the same suspects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from detectors.change.effect import Explanation
from detectors.counts.aggregate import Aggregate, Seen, SeriesKey
from detectors.counts.history import CellHistory, Rows
from detectors.finding import ALL, Suspect
from detectors.observation import slice_text

SUSPECT_BEFORE_S, SUSPECT_AFTER_S = 3600, 900
"""A new value of a dimension is suspect when first seen this close to the onset's interval."""
USED_BEFORE_S = 86_400
"""What took whose place: the traffic of so long before it came is looked at."""
GONE = 0.2
"""A value has lost its place to another when no more than this of the traffic of both is left to it."""
INPUTS = frozenset({"language"})
"""Dimensions that describe what users send: a new value of theirs is no change of the application."""
UNCHANGING = frozenset({"operation"})
"""Dimensions that nobody rolls out: they are suspects when new, and no comparison is claimed for them."""


def compared(unit: str, fold: Aggregate) -> tuple[str, ...]:
    """Dimensions in which a change of the application would have been seen."""
    left_out = INPUTS | UNCHANGING
    return tuple(sorted(d for d, values in fold.seen(unit).items() if values and d not in left_out))


def suspects(
    key: SeriesKey,
    told: Explanation,
    tick: int,
    fold: Aggregate,
    trail: CellHistory,
    names: Mapping[int, SeriesKey],
    tick_s: int,
    at: Callable[[int], datetime],
) -> tuple[Suspect, ...]:
    """Values of a dimension that were new when the change began, the nearest to the onset first.

    What a dimension began with is none: where nothing was known before, nothing was replaced.
    """
    earliest = told.onset_low - SUSPECT_BEFORE_S // tick_s
    latest = min(told.onset_high + SUSPECT_AFTER_S // tick_s, tick)
    found = []
    rows: dict[str, Rows] | None = None
    for dimension, values in sorted(fold.seen(key.unit).items()):
        began = min((seen.first for seen in values.values()), default=0)
        for value, seen in values.items():
            if dimension in INPUTS or seen.first == began or not earliest <= seen.first <= latest:
                continue
            if rows is None:
                rows = _by_slice(key, told, tick, trail, names, tick_s)
            old = _replaced(dimension, value, values, rows, tick_s)
            suspect = Suspect(dimension, value, at(seen.first), old)
            found.append((abs(seen.first - told.onset), dimension, value, suspect))
    return tuple(s for *_, s in sorted(found, key=lambda f: f[:3]))


def _by_slice(
    key: SeriesKey,
    told: Explanation,
    tick: int,
    trail: CellHistory,
    names: Mapping[int, SeriesKey],
    tick_s: int,
) -> dict[str, Rows]:
    """Rows of the score's slices around the onset, by slice."""
    first = told.onset_low - (SUSPECT_BEFORE_S + USED_BEFORE_S) // tick_s
    numbered = trail.by_series(first, tick)
    mine = ((names[n], rows) for n, rows in numbered.items())
    about = (key.unit, key.score)
    return {k.slice: rows for k, rows in mine if (k.unit, k.score) == about and k.slice != ALL}


def _replaced(
    dimension: str, new: str, values: Mapping[str, Seen], rows: Mapping[str, Rows], tick_s: int
) -> str | None:
    """The value that most traffic had before ``new`` came, if ``new`` has its place now."""
    came = values[new].first
    before, since = {}, {}
    for value, seen in values.items():
        mine = rows.get(slice_text(**{dimension: value}))
        if mine is not None and (value == new or seen.first < came):
            then = (mine[:, 0] < came) & (mine[:, 0] >= came - USED_BEFORE_S // tick_s)
            before[value], since[value] = int(mine[then, 3].sum()), int(mine[mine[:, 0] > came, 3].sum())
    older = sorted(value for value, seen in values.items() if seen.first < came)
    used = [value for value in older if before.get(value, 0)]
    if used:
        old = max(used, key=lambda value: before[value])
    elif len(older) == 1:  # as long as there was one value alone, history holds no rows of it by itself
        old = older[0]
    else:
        return None
    left, taken = since.get(old, 0), since.get(new, 0)
    return old if taken and left <= GONE * (left + taken) else None
