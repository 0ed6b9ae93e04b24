"""What the next value of a metric is expected to be: as just before, and as at this time of earlier days.

Expected is what earlier days (or weeks) had at this time, plus the median of what the last `MEMORY` values
had beyond it. Slow wander costs nothing, nor does a cycle where it helps; which of the three (no cycle, day,
week) is used is chosen on the learning window by how far its largest tenth of misses lies out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from detectors.engine.ticks import DAY_S, Floats, Ints

MEMORY = 12
"""Values before one whose median is its level."""
CYCLES = 7
LEAST_CYCLES = 2
"""Most and least earlier days or weeks of which the same time is remembered."""
ENOUGH = 0.9
"""Of so many cycles the misses must be known before it can be used."""
HELPS = 0.8
"""A cycle is used where it brings the largest misses below this share of what they are without."""


@dataclass(slots=True)
class Usual:
    """``cycle`` in ticks, 0 for none. `expect` before `take`, tick by tick."""

    cycle: int
    _past: dict[int, float]
    _beyond: deque[float]

    @classmethod
    def of(cls, cycle: int) -> Usual:
        """Nothing seen yet."""
        return cls(cycle, {}, deque(maxlen=MEMORY))

    def expect(self, tick: int) -> float | None:
        """Expected value of a tick; None where too little was seen."""
        base = self._base(tick)
        if base is None or len(self._beyond) < MEMORY:
            return None
        return base + median(self._beyond)

    def take(self, tick: int, value: float, kept: float | None = None) -> None:
        """The value of a tick; ``kept`` stands in for it in later cycles, where it was an outlier."""
        base = self._base(tick)
        if base is not None:
            self._beyond.append(value - base)
        if self.cycle:
            self._past[tick] = value if kept is None else kept
            self._past.pop(tick - (CYCLES + 1) * self.cycle, None)

    def restart(self, ticks: Sequence[int], values: Sequence[float]) -> None:
        """Go on at the level of these values: what was remembered of earlier cycles is moved there."""
        bases = [self._base(t) for t in ticks]
        beyond = [v - b for v, b in zip(values, bases, strict=True) if b is not None]
        if self.cycle and beyond:
            moved = median(beyond)
            self._past = {t: v + moved for t, v in self._past.items()}
        self._beyond.clear()
        for tick, value in zip(ticks, values, strict=True):
            self.take(tick, value)

    def _base(self, tick: int) -> float | None:
        if not self.cycle:
            return 0.0
        earlier = [self._past[t] for k in range(1, CYCLES + 1) if (t := tick - k * self.cycle) in self._past]
        return median(earlier) if len(earlier) >= LEAST_CYCLES else None


def misses(usual: Usual, ticks: Ints, values: Floats) -> Floats:
    """Each value less what was expected of it, NaN where nothing was; ``usual`` has taken them afterwards."""
    out = np.full(len(values), np.nan)
    for i, (tick, value) in enumerate(zip(ticks.tolist(), values.tolist(), strict=True)):
        expected = usual.expect(tick)
        if expected is not None:
            out[i] = value - expected
        usual.take(tick, value)
    return out


def learn_usual(ticks: Ints, values: Floats, tick_s: int) -> tuple[Usual, Floats]:
    """The best of the three for the values of a learning window, and its misses there (finite ones)."""
    cycles = [0, *(span // tick_s for span in (DAY_S, 7 * DAY_S) if span % tick_s == 0 and span > 2 * tick_s)]
    tried = [(usual, misses(usual, ticks, values)) for usual in map(Usual.of, cycles)]
    best, found = tried[0]
    for usual, seen in tried[1:]:
        both = np.isfinite(seen) & np.isfinite(found)
        if both.sum() >= max(ENOUGH * usual.cycle, 8 * MEMORY) and _far(seen[both]) < HELPS * _far(
            found[both]
        ):
            best, found = usual, seen
    return best, found[np.isfinite(found)]


def _far(x: Floats) -> float:
    """Mean of the largest tenth of sizes."""
    size = np.sort(np.abs(x))
    return float(size[-max(1, len(size) // 10) :].mean())
