"""Values after a change of level, moved back to where the channels were learned.

Quantile groups and hour effects belong to the old level; after a jump every value would fall into the last
group. So what follows a change is watched with its shift taken off: a difference for metrics, a factor for
positive scores, a difference of logits for scores between 0 and 1. Exact zeros and ones stay what they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from detectors.engine.ticks import Bools, Floats, Ints, hour_of_day

KINDS = ("bounded", "positive", "real")


@dataclass(frozen=True, slots=True)
class LevelShift:
    """``medians`` (24) are those of the learning window per hour of the day, on the scale of the kind."""

    kind: str
    tick_s: int
    medians: Floats

    @classmethod
    def learn(cls, kind: str, values: Floats, ticks: Ints, tick_s: int) -> LevelShift | None:
        """From the values of a learning window; None for kinds without a scale."""
        if kind not in KINDS or not len(values):
            return None
        inside = _inside(values, kind)
        if not inside.any():
            return None
        x, hours = _scaled(values[inside], kind), hour_of_day(ticks[inside], tick_s)
        medians = np.full(24, np.median(x))
        for hour in np.unique(hours):
            medians[hour] = np.median(x[hours == hour])
        return cls(kind, tick_s, medians)

    def estimate(self, values: Floats, ticks: Ints) -> float:
        """Median distance of values from the median of their hour; 0 without values."""
        inside = _inside(values, self.kind)
        if not inside.any():
            return 0.0
        x = _scaled(values[inside], self.kind)
        return float(np.median(x - self.medians[hour_of_day(ticks[inside], self.tick_s)]))

    def undo(self, values: Floats, shift: float) -> Floats:
        """The values less ``shift``, on the scale of the kind."""
        if self.kind == "real":
            return values - shift
        if self.kind == "positive":
            return np.asarray(values * np.exp(-shift), dtype=float)
        out = values.copy()
        inside = _inside(values, self.kind)
        out[inside] = expit(logit(values[inside]) - shift)
        return out


def _inside(values: Floats, kind: str) -> Bools:
    if kind == "real":
        return np.ones(len(values), dtype=bool)
    return (values > 0) & ((values < 1) | (kind == "positive"))


def _scaled(values: Floats, kind: str) -> Floats:
    if kind == "real":
        return values
    return np.asarray(np.log(values) if kind == "positive" else logit(values), dtype=float)
