"""The smallest change a series would notice within an hour, a day, a week, in the unit of its score.

A rate's is in points of the rate. A median's is told as the shift of the median: the location channel watches
the mean normal score, and a shift of that by d moves the median to where the baseline had its quantile
Phi(d). Where one direction harms, it is the change in that direction; otherwise the smaller of the two.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from detectors.engine.detectable import Detectable, smallest_changes
from detectors.engine.ticks import Floats, Ints
from detectors.scorers.protocol import ScoreSpec
from detectors.series.series_banks import WatchList
from detectors.series.watched_series import Watched

RATE = "rate"
MAIN = ("rate", "location", "above")
"""Channels that speak for a series."""
NAMES = ("detectable_1h", "detectable_1d", "detectable_7d")


def outlook(watch: WatchList, watched: Watched, spec: ScoreSpec) -> dict[str, float | str | None]:
    """`NAMES` and ``detectable_unit``; ``None`` for a time in which nothing the engine looks for shows."""
    at = next((i for i, c in enumerate(watched.channels) if c.name in MAIN), 0)
    channel, row = watched.channels[at], watched.rows[at]
    bank, baseline = watch.bank(channel.form), watch.baseline(watched, at)
    changes = smallest_changes(baseline, bank.cost([row]), bank.threshold[[row]])
    harmful = spec.harmful if channel.name in MAIN else 0
    level = 1 - baseline.level[0] if baseline.mirrored[0] else baseline.level[0]
    out: dict[str, float | str | None] = {"detectable_unit": RATE}
    if channel.name != "location" or spec.grid is None:
        return out | {
            name: _least([v - level for v in _values(change, harmful)])
            for name, change in zip(NAMES, changes, strict=True)
        }
    cells, counts = watched.histogram()
    values = np.array([spec.grid.value(int(c)) for c in cells])
    middle = _quantile(values, counts, 0.5)
    out["detectable_unit"] = spec.value_unit or "median"
    for name, change in zip(NAMES, changes, strict=True):
        moved = [_quantile(values, counts, float(ndtr(v - level))) - middle for v in _values(change, harmful)]
        out[name] = _least(moved)
    return out


def _values(change: Detectable, harmful: int) -> list[float]:
    """Values of the channel after a change in the directions that count; none where none would be noticed."""
    rise, fall = float(change.rise[0]), float(change.fall[0])
    chosen = (rise,) if harmful > 0 else (fall,) if harmful < 0 else (rise, fall)
    return [v for v in chosen if np.isfinite(v)]


def _least(steps: list[float]) -> float | None:
    return min((abs(s) for s in steps), default=None)


def _quantile(values: Floats, counts: Ints, q: float) -> float:
    """Quantile of counted values, linear between the middles of their shares."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(counts[order]) - counts[order] / 2
    return float(np.interp(q * counts.sum(), share, values[order]))
