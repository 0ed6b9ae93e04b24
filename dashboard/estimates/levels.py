"""Levels and changes of a score from its counted cells, each with its interval. Pure.

Shares (flags; one name of a category) get Wilson and Newcombe intervals. Numbers are compared by medians of
the counted cells with distribution-free intervals: a median does not follow a few huge outputs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from dashboard.measures import intervals
from dashboard.measures.intervals import CONFIDENCE, Interval
from dashboard.measures.measures import ABOVE, BELOW, CATEGORY, Measure
from dashboard.queries.series import Counts, Half
from detectors.grid import Grid


class Level(NamedTuple):
    """A value with its interval."""

    value: float
    low: float
    high: float


class Effect(NamedTuple):
    """A change with its interval, in the written ``unit`` (percentage points, percent)."""

    value: float
    low: float
    high: float
    unit: str


POINTS = "percentage points"


def hits(measure: Measure, half: Half) -> float:
    """How many outputs count as hits of a share."""
    if measure.what == CATEGORY:
        return float(dict(half.names).get(measure.name, 0))
    if measure.what == ABOVE:
        return float(sum(n for cell, n in half.cells if cell > measure.cell))
    if measure.what == BELOW:
        return float(sum(n for cell, n in half.cells if cell < measure.cell))
    return half.total


def level(measure: Measure, half: Half, confidence: float = CONFIDENCE) -> Level | None:
    """The level; ``None`` where nothing was counted or the grid is not known."""
    if half.n <= 0:
        return None
    if measure.is_share:
        found = hits(measure, half)
        return Level(found / half.n, *intervals.wilson(found, half.n, confidence))
    if measure.score.grid is None or not half.cells:
        return None
    return median(half.cells, measure.score.grid, confidence)


def middle(measure: Measure, half: Half) -> Level | None:
    """Median of the score's values, whatever is measured of them."""
    if measure.score.grid is None or not half.cells:
        return None
    return median(half.cells, measure.score.grid)


def median(cells: Counts, grid: Grid, confidence: float = CONFIDENCE) -> Level:
    """Median of counted cells; its interval from order statistics (normal approximation of ranks)."""
    n = sum(count for _, count in cells)
    reach = intervals.normal_quantile(confidence) * math.sqrt(n) / 2
    ranks = (n / 2, n / 2 - reach, n / 2 + reach)
    return Level(*(grid.value(_cell_at(cells, rank)) for rank in ranks))


def _cell_at(cells: Counts, rank: float) -> int:
    seen = 0
    for cell, count in cells:
        seen += count
        if seen >= rank:
            return cell
    return cells[-1][0]


def change(measure: Measure, before: Half, after: Half, confidence: float = CONFIDENCE) -> Effect | None:
    """How far it moved; ``None`` where one side is empty. Medians move in the score's own unit."""
    if before.n <= 0 or after.n <= 0:
        return None
    if measure.is_share:
        h0, h1 = hits(measure, before), hits(measure, after)
        gap = h1 / after.n - h0 / before.n
        low, high = intervals.difference(h0, before.n, h1, after.n, confidence)
        return Effect(100 * gap, 100 * low, 100 * high, POINTS)
    b, a = level(measure, before, confidence), level(measure, after, confidence)
    if b is None or a is None:
        return None
    gap = a.value - b.value
    low, high = _hybrid(gap, b, a)
    return Effect(gap, low, high, measure.score.unit or "units of the score")


def _hybrid(gap: float, before: Level, after: Level) -> Interval:
    """Interval of a difference from the intervals of both levels, as Newcombe joins two proportions."""
    return Interval(
        gap - math.hypot(after.value - after.low, before.high - before.value),
        gap + math.hypot(after.high - after.value, before.value - before.low),
    )


def moved_category(before: Half, after: Half) -> str:
    """The name whose share rose most; empty where there is none."""
    old = dict(before.names)
    rises = {name: n / max(1, after.n) - old.get(name, 0) / max(1, before.n) for name, n in after.names}
    return max(rises, key=lambda name: (rises[name], name), default="")
