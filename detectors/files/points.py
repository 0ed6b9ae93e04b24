"""Single points and jumps of a metric: values that lie farther from what is usual than the metric ever did.

For series with one value a tick, where a person circles a spike or a step long before days of evidence exist.
What is usual is said by `usual`; the tail of its misses is that of the learning window, extended by a
generalised Pareto distribution (Pickands 1975) fitted to the largest tenth. A point is far when its tail
probability is below the budget of a tick. What happened `OFTEN` times is no longer strange. Assumption that
breaks first: what is rare in the learning window is as rare as its tail says.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import boxcox

from detectors.engine.ticks import Floats, Ints
from detectors.files.expected_value import MEMORY, Usual, learn_usual

CONFIRM = 6
"""Values after a far one that tell a jump, which stays, from a spike."""
TAIL_SHARE = 0.1
LEAST_TAIL = 8
FEW = 200
"""Misses below which a window is short: its largest says little."""
SHAPE = (-0.3, 0.5)
"""Pareto shapes are held between these: wilder ones are noise of a short window."""
LEAST_FACTOR, LEAST_FACTOR_FEW = 1.75, 3.0
MOST_FACTOR, REPEATED = 4.0, 5
"""However thin or thick the tail, a point must lie so many times farther out than anything learned. Where
the `REPEATED` largest are alike the tail has an end, and the least factor is enough."""
OFTEN = 3
OFTEN_FACTOR = 1.25
"""Far points of one side that make later ones usual, unless so much farther than the least of them."""


@dataclass(frozen=True, slots=True)
class Far:
    """How far a miss may lie from zero, upwards and downwards, in the unit of the values."""

    up: float
    down: float

    def side(self, miss: float) -> int:
        """+1 or -1 where it lies farther out than that, else 0."""
        if miss > self.up:
            return 1
        return -1 if miss < -self.down else 0


def learn_far(misses: Floats, w: float) -> Far | None:
    """Limits from the misses of a learning window, for ``w`` expected false points a tick.

    None when the window is too short for a tail, or constant; a side without a tail is not watched.
    """
    up, down = (_limit(side, w / 2) for side in (misses, -misses))
    if up is None and down is None:
        return None
    return Far(up or np.inf, down or np.inf)


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
    beyond = -scale * float(boxcox(min(w * len(x) / count, 1.0), -shape))  # of the Pareto tail
    least = LEAST_FACTOR_FEW if len(x) < FEW else LEAST_FACTOR
    largest = float(positive[-1])
    most = min(least * largest / float(positive[-REPEATED]), MOST_FACTOR)
    return largest * min(max((start + beyond) / largest, least), most)


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


@dataclass(slots=True)
class PointWatch:
    """Watches one value a tick; what it saw is said ``confirm`` values later, when a jump shows."""

    far: Far
    usual: Usual
    scale: float
    confirm: int = CONFIRM
    _pending: Point | None = None
    _later: list[tuple[int, float]] = field(default_factory=list)
    _quiet: int = MEMORY
    _seen: dict[int, list[float]] = field(default_factory=lambda: {1: [], -1: []})

    @classmethod
    def learn(
        cls, ticks: Ints, values: Floats, tick_s: int, w: float, confirm: int = CONFIRM
    ) -> PointWatch | None:
        """From the values of a learning window; None where it has no tail."""
        usual, missed = learn_usual(ticks, values, tick_s)
        far = learn_far(missed, w)
        return None if far is None else cls(far, usual, _scale(missed), confirm)

    @property
    def pending(self) -> bool:
        """Whether a far value waits for what follows it."""
        return self._pending is not None

    def remember(self, before: PointWatch) -> None:
        """Take over what an earlier watch of the same metric has said."""
        self._seen, self._quiet = before._seen, before._quiet

    def restart(self, ticks: Ints, values: Floats) -> None:
        """Go on at the level, and with the scatter where it is larger, of these values."""
        self.usual.restart(ticks.tolist(), values.tolist())
        self._pending, self._later, self._quiet = None, [], MEMORY
        grown = _scale(values - np.median(values)) / self.scale if self.scale > 0 else 1.0
        if grown > 1:
            self.far = Far(self.far.up * grown, self.far.down * grown)
            self.scale *= grown

    def step(self, tick: int, value: float) -> tuple[float, Point | None]:
        """Take the value of a tick: what is to be learned of it, and the far point decided by it, if any.

        Of a far value what was expected is learned.
        """
        if self._pending is not None:
            self._later.append((tick, value))
            before = self._pending.level
            kept = before if self.far.side(value - before) else value
            return kept, self._decide() if len(self._later) == self.confirm else None
        level = self.usual.expect(tick)
        side = 0 if level is None else self.far.side(value - level)
        if level is not None and side and self._quiet >= MEMORY and self._strange(side, value - level):
            self._pending, self._later = Point(tick, side, value, level, jump=False), []
            return level, None
        self._quiet = 0 if side else self._quiet + 1
        kept = value if level is None or not side else level
        self.usual.take(tick, value, kept)
        return kept, None

    def _strange(self, side: int, miss: float) -> bool:
        seen = self._seen[side]
        return len(seen) < OFTEN or abs(miss) > OFTEN_FACTOR * sorted(seen)[-OFTEN]

    def _decide(self) -> Point:
        assert self._pending is not None  # noqa: S101 - the caller knows
        p = self._pending
        half = (p.value + p.level) / 2
        stayed = sum((v - half) * p.side > 0 for _, v in self._later)
        self._seen[p.side].append(abs(p.value - p.level))
        self.usual.take(p.tick, p.value, p.level)
        for tick, value in self._later:
            self.usual.take(tick, value)
        self._pending, self._quiet = None, 0
        return replace(p, jump=stayed >= self.confirm - 1)


def _scale(misses: Floats) -> float:
    return float(np.median(np.abs(misses))) if len(misses) else 0.0
