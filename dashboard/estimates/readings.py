"""What is read as the level of a score: a share of hits, of a name, above a value, or a median. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dashboard import formats
from dashboard.measures.measures import ABOVE, CATEGORY, FLAG, MEDIAN, Measure
from dashboard.measures.scores import Score
from dashboard.queries.series import Half
from detectors.grid import LogGrid, LogitGrid

MIDDLE = "median"
ABOVE_WORDS = "share above "
OF_WORDS = "share of "
BOUNDS = (0.1, 0.2, 0.5, 0.8, 0.9)
"""Values of a score in 0..1 that a share may be counted above."""
STEPS = (1.0, 2.0, 5.0)
MOST_NAMES = 40


def offered(score: Score, names: Sequence[str]) -> list[str]:
    """Ways to read a score, the usual one first; ``names`` are those of a category's values."""
    if score.kind == "category":
        return [OF_WORDS + name for name in names[:MOST_NAMES]]
    if score.kind == "flag" or score.grid is None:
        return []
    above = [f"{ABOVE_WORDS}{value:g}" for value in _bounds(score)]
    if isinstance(score.grid, LogitGrid):  # most outputs have next to nothing of it: a median says little
        usual = f"{ABOVE_WORDS}0.5"
        return [usual, MIDDLE, *(name for name in above if name != usual)]
    return [MIDDLE, *above]


def _bounds(score: Score) -> list[float]:
    if isinstance(score.grid, LogitGrid):
        return list(BOUNDS)
    if not isinstance(score.grid, LogGrid):
        return []
    low, high = (math.log10(v) for v in (score.grid.low, score.grid.high))
    decades = range(math.floor(low), math.ceil(high) + 1)
    found = [step * 10.0**k for k in decades for step in STEPS]
    return [value for value in found if score.grid.low < value < score.grid.high]


def measure(score: Score, way: str) -> Measure:
    """The measure of a way that `offered` gave; the score's own level for any other text."""
    if score.kind == "category":
        return Measure(score, CATEGORY, way.removeprefix(OF_WORDS))
    if score.kind == "flag" or score.grid is None:
        return Measure(score, FLAG)
    if way.startswith(ABOVE_WORDS):
        bound = way.removeprefix(ABOVE_WORDS)
        return Measure(score, ABOVE, bound, score.grid.cell(float(bound)))
    return Measure(score, MEDIAN)


def names_of(*halves: Half) -> list[str]:
    """Names of a category's values, the most frequent first."""
    counted: dict[str, int] = {}
    for half in halves:
        for name, n in half.names:
            counted[name] = counted.get(name, 0) + n
    return sorted(counted, key=lambda name: (-counted[name], name))


def interval_words(found_measure: Measure, low: float, high: float) -> str:
    """The interval of a level beside its value: ``5.4–7.5 %`` or ``301–322 characters``."""
    if not found_measure.is_share:
        unit = f"{formats.THIN}{found_measure.score.unit}" if found_measure.score.unit else ""
        return f"{formats.measure(low)}{formats.DASH}{formats.measure(high)}{unit}"
    if formats.is_rare(low, high):
        return f"{formats.number(1e4 * low, 1)}{formats.DASH}{formats.number(1e4 * high, 1)} per 10,000"
    return f"{formats.share_interval(low, high)}{formats.THIN}%"


def level_words(found_measure: Measure, value: float, low: float, high: float) -> str:
    """A level with its interval: ``6.4 % 5.4–7.5`` or ``312 characters 301–322``."""
    if found_measure.is_share:
        return formats.share_level(value, low, high)
    unit = found_measure.score.unit
    return f"{formats.measure(value, unit)} {formats.measure(low)}{formats.DASH}{formats.measure(high)}"
