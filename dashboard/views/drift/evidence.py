"""The detector's evidence that a share changed, computed anew from stored ticks. Pure.

The same Shiryaev-Roberts bank that watches flags (`detectors.engine`) runs over the ticks of the period, with
a baseline fitted to the ticks the series was learned from. It starts with the period, knows nothing of
the fast path, and of a number it watches the share above the baseline's median alone: what paged is said by
findings, this shows how the evidence grew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from dashboard.views.drift.drift_query import MOST_TICKS, Hits
from detectors.engine.dispersion import fit_flags
from detectors.engine.shiryaev_roberts import FlagBank

LOG10 = math.log(10)
WIDTHS_S = (60, 300, 600, 900, 1800, 3600)
LEAST_TICKS = 48
"""Ticks with outputs below which a baseline's scatter cannot be judged."""
SHARE = 1.0 / 50 / 8640
"""Expected false pages a 5-minute tick: a fiftieth of one a month. Evidence does not depend on it."""


@dataclass(frozen=True, slots=True)
class Point:
    """The evidence at the end of a tick, as a power of ten."""

    at: datetime
    value: float


def width(tick_s: int, span_s: int) -> int:
    """Least width of ticks, at least ``tick_s``, that fit into one answer over ``span_s``."""
    fitting = [w for w in WIDTHS_S if w % tick_s == 0 and span_s / w <= MOST_TICKS]
    return fitting[0] if fitting else WIDTHS_S[-1]


def over_time(
    learned: Sequence[Hits],
    watched: Sequence[Hits],
    learn: tuple[int, int],
    watch: tuple[int, int],
    width_s: int,
) -> list[Point]:
    """Evidence after every tick of ``watch``; empty where too little was learned.

    ``learn`` and ``watch`` are first and last tick numbers (the last one is not in it).
    """
    if len(learned) < LEAST_TICKS or not watched:
        return []
    n, s = _columns(learned, *learn)
    baseline = fit_flags(n, s, learn[0], width_s)
    bank = FlagBank(width_s)
    bank.append(baseline, SHARE * width_s / 300)
    n, s = _columns(watched, *watch)
    out = []
    for k, tick in enumerate(range(*watch)):
        bank.update(tick, n[k], s[k])
        found = float(bank.evidence()[0]) / LOG10
        out.append(Point(datetime.fromtimestamp((tick + 1) * width_s, UTC), found))
    return out


def _columns(ticks: Sequence[Hits], first: int, last: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n, s = np.zeros((last - first, 1)), np.zeros((last - first, 1))
    for tick in ticks:
        if first <= tick.at < last:
            n[tick.at - first], s[tick.at - first] = tick.n, min(tick.hits, tick.n)
    return n, s
