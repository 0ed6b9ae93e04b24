"""The change of a file's series in the unit of its values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.change.effect import Explanation, quantile_effect
from detectors.engine.ticks import Floats, Ints


@dataclass(frozen=True, slots=True)
class NativeUnit:
    """Effect with its 95 % interval (None where there is none), and the values before and after."""

    effect: float
    low: float | None
    high: float | None
    before: float
    after: float
    unit: str


def of_rate(told: Explanation, possible: float = 1.0, unit: str = "rate") -> NativeUnit:
    """A rate, times ``possible`` events a tick for a count per tick."""
    return NativeUnit(
        told.effect * possible,
        told.effect_low * possible,
        told.effect_high * possible,
        told.baseline_value * possible,
        told.current_value * possible,
        unit,
    )


def of_quantile(
    told: Explanation, ticks: Ints, values: Floats, since: int, until: int, q: float
) -> NativeUnit:
    """A quantile of the values of ticks ``since`` to ``until``, before and after the onset."""

    def between(first: int, last: int) -> Floats:
        low, high = np.searchsorted(ticks, [first, last + 1])
        return values[low:high]

    onsets = (told.onset, told.onset_low, told.onset_high)
    afters = [a for a in (between(onset, until) for onset in onsets) if len(a)]
    before = between(since, told.onset - 1)
    steps = np.unique(np.concatenate([before, *afters]))

    def counts(x: Floats) -> Floats:
        return np.bincount(np.searchsorted(steps, x), minlength=len(steps)).astype(float)

    effect, low, high, old, new = quantile_effect(
        steps, counts(before), [counts(a) for a in afters], q=q, kappa=told.kappa
    )
    return NativeUnit(effect, low, high, old, new, "p50" if q == 0.5 else "p95")
