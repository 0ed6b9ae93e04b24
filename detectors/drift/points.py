"""Single points and jumps of a metric: values that its own recent level has never been so far from.

For series with one value a tick, where a person circles a spike or a step long before days of evidence exist.
The innovation of a tick is its value less the median of the ticks before it, so slow wander and daily cycles
cost nothing. Its tail is that of the
learning window, extended by a generalised Pareto distribution (Pickands 1975) fitted to the largest tenth: a
point is far when its tail probability is below the budget of a tick. Assumption that breaks first: what is
rare in the learning window is as rare as its tail says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from detectors.drift.ticks import Floats

MEMORY = 12
"""Values before a point whose median is its level."""
CONFIRM = 6
"""Values after a far one that tell a jump, which stays, from a spike."""
TAIL_SHARE = 0.1
LEAST_TAIL = 20
SHAPE = (-0.3, 0.5)
"""Pareto shapes are held between these: wilder ones are noise of a short window."""
LEAST_FACTOR = 1.75
"""However thin the tail, a point must lie this much farther out than anything learned."""


@dataclass(frozen=True, slots=True)
class Far:
    """How far an innovation may lie from zero, upwards and downwards, in the unit of the values."""

    up: float
    down: float

    def side(self, innovation: float) -> int:
        """+1 or -1 where it lies farther out than that, else 0."""
        if innovation > self.up:
            return 1
        return -1 if innovation < -self.down else 0


def innovations(values: Floats) -> Floats:
    """Each value less the median of the `MEMORY` before it; NaN for the first of them."""
    out = np.full(len(values), np.nan)
    if len(values) > MEMORY:
        before = np.lib.stride_tricks.sliding_window_view(values, MEMORY)[:-1]
        out[MEMORY:] = values[MEMORY:] - np.median(before, axis=1)
    return out


def learn_far(values: Floats, w: float) -> Far | None:
    """Limits from the values of a learning window, for ``w`` expected false points a tick.

    None when the window is too short for a tail, or constant.
    """
    seen = innovations(values)
    seen = seen[np.isfinite(seen)]
    up, down = (_limit(side, w / 2) for side in (seen, -seen))
    return None if up is None or down is None else Far(up, down)


def _limit(x: Floats, w: float) -> float | None:
    positive = np.sort(x[x > 0])
    count = int(TAIL_SHARE * len(x))
    if count < LEAST_TAIL or len(positive) <= count:
        return None
    start = float(positive[-count - 1])
    excess = positive[-count:] - start
    mean = float(excess.mean())
    if mean <= 0:
        return None
    shape, scale = _pareto(excess, mean)
    beyond = float(stats.genpareto.isf(min(w * len(x) / count, 1.0), shape, scale=scale))
    return max(start + beyond, LEAST_FACTOR * float(positive[-1]))


def _pareto(excess: Floats, mean: float) -> tuple[float, float]:
    """Shape and scale by the method of moments, robust for short windows."""
    variance = float(excess.var())
    shape = 0.5 * (1 - mean**2 / variance) if variance > 0 else SHAPE[0]
    shape = min(max(shape, SHAPE[0]), SHAPE[1])
    return shape, mean * (1 - shape)


@dataclass(frozen=True, slots=True)
class Point:
    """A far value at ``tick``; ``side`` is +1 or -1, ``jump`` says that the values after it stayed there."""

    tick: int
    side: int
    value: float
    level: float
    jump: bool


class PointWatch:
    """Watches one value a tick; what it saw is said `CONFIRM` values later, when a jump can be told apart.

    Parameters
    ----------
    far
        Limits from `learn_far`.
    values
        The last values before the first one watched.
    """

    def __init__(self, far: Far, values: Floats) -> None:
        self.far = far
        self._pending: Point | None = None
        self._later: list[float] = []
        self.restart(values)

    def restart(self, values: Floats) -> None:
        """Go on after ``values`` (the last of them count); what was pending is forgotten."""
        self._memory = list(values[-MEMORY:])
        self._pending, self._later, self._quiet = None, [], MEMORY

    def step(self, tick: int, value: float) -> Point | None:
        """Take the value of a tick; the far point that is decided by it, if any."""
        if self._pending is not None:
            self._later.append(value)
            return self._decide() if len(self._later) == CONFIRM else None
        level = float(np.median(self._memory))
        side = self.far.side(value - level) if len(self._memory) == MEMORY else 0
        if side and self._quiet >= MEMORY:
            self._pending, self._later = Point(tick, side, value, level, jump=False), []
            return None
        self._quiet = 0 if side else self._quiet + 1
        self._remember([value])
        return None

    def _decide(self) -> Point:
        assert self._pending is not None  # noqa: S101 - the caller knows
        p = self._pending
        half = (p.value + p.level) / 2
        stayed = sum((v - half) * p.side > 0 for v in self._later)
        self._remember([p.value, *self._later])
        self._pending, self._quiet = None, 0
        return replace(p, jump=stayed >= CONFIRM - 1)

    def _remember(self, values: list[float]) -> None:
        self._memory = [*self._memory, *values][-MEMORY:]
