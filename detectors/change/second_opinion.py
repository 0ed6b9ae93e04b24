"""A second opinion on a crossing: river's ADWIN (Bifet and Gavalda 2007) on our standardised residuals.

Fed raw values ADWIN takes every daily or weekly cycle for a change; fed what season and volume do not explain
it is a good peer. It spends nothing of the budget and never pages: it says whether it sees the change too.
It is run over the stored ticks when something crossed, so there is no state to keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.engine.baseline import FLAG, Baseline, bounded_rate
from detectors.engine.ticks import Floats, Ints, day_number, hour_of_day, weekday

DELTA = 0.002
CLOCK = 8
"""Ticks with events between two of its checks."""
BOUND = 8.0
"""Residuals beyond this many standard deviations are one outlier, not a level."""


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """``tick`` is when ADWIN last saw a change at or after the onset, ``None`` if it sees none."""

    tick: int | None

    @property
    def note(self) -> str:
        """In words, for a finding."""
        return f"ADWIN on residuals {'agrees' if self.tick is not None else 'sees no change yet'}"


def residuals(baseline: Baseline, ticks: Ints, n: Floats, s: Floats) -> Floats:
    """What one baseline row leaves unexplained of ``n`` events with sum ``s``, in standard deviations."""
    hours, days = hour_of_day(ticks, baseline.tick_s), weekday(day_number(ticks, baseline.tick_s))
    level = baseline.level[0] + baseline.hour[0][hours] + baseline.week[0][days]
    expected = bounded_rate(level, np.full(len(ticks), baseline.level[0]), baseline.form)
    observed = n - s if baseline.mirrored[0] else s
    per_event = expected * (1 - expected) if baseline.form == FLAG else baseline.event_var[0]
    deviation = np.sqrt(np.maximum(n * per_event, 1e-12))
    return np.clip((observed - n * expected) / deviation, -BOUND, BOUND)


def second_opinion(
    baseline: Baseline, first_tick: int, n: Floats, s: Floats, onset_low: int
) -> SecondOpinion:
    """Whether ADWIN sees a change since ``onset_low`` in ticks that start at ``first_tick``."""
    ticks = first_tick + np.arange(len(n), dtype=np.int64)
    counted = np.flatnonzero(n > 0)
    values = residuals(baseline, ticks[counted], n[counted], s[counted])
    from river import drift  # it costs every start of a worker dear, and few ever see a crossing

    adwin: Any = drift.ADWIN  # the library has no types
    detector = adwin(delta=DELTA, clock=CLOCK)
    seen: int | None = None
    for at, value in zip(ticks[counted], values, strict=True):
        detector.update(float(value))
        if detector.drift_detected and at >= onset_low:
            seen = int(at)
    return SecondOpinion(seen)
