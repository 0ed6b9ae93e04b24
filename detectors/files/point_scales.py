"""Far points of a metric at two time scales: single ticks, and blocks of a few hours at most.

An hour that is odd as a whole need not hold one odd value. Blocks divide the day, so that a cycle stays a
cycle; the largest is taken of which the learning window holds `LEAST_BLOCKS`. Limits are learned again each
time twice as much has been seen, outliers cut to what was expected: a week shows only after weeks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from detectors.engine.ticks import DAY_S, Floats, Ints
from detectors.files.points import CONFIRM, Point, PointWatch

LEAST_BLOCKS = 100
LEAST_TICKS = 4
"""Blocks shorter than this say what their ticks say."""
CONFIRM_BLOCKS = 3


def block_ticks(learned: int, tick_s: int) -> int:
    """Ticks of a block; 0 where there are none worth watching."""
    most = learned // LEAST_BLOCKS
    if DAY_S % tick_s == 0 and tick_s < DAY_S:
        day = DAY_S // tick_s
        most = max((b for b in range(1, min(most, day) + 1) if day % b == 0), default=0)
    return most if most >= LEAST_TICKS else 0


@dataclass(slots=True)
class _Scale:
    """One `PointWatch` over blocks of ``size`` ticks, and all it has seen."""

    size: int
    tick_s: int
    w: float
    confirm: int
    watch: PointWatch | None
    ticks: list[int]
    values: list[float]
    relearn_at: int

    @classmethod
    def of(cls, size: int, ticks: Ints, values: Floats, tick_s: int, w: float) -> _Scale:
        blocks, middles = _blocks(ticks, values, size)
        confirm = CONFIRM if size == 1 else CONFIRM_BLOCKS
        own = cls(size, size * tick_s, size * w, confirm, None, blocks.tolist(), middles.tolist(), 0)
        own.learn()
        return own

    def learn(self) -> None:
        """Limits from all that was seen."""
        seen = self.watch
        self.watch = PointWatch.learn(
            np.array(self.ticks, dtype=np.int64), np.array(self.values), self.tick_s, self.w, self.confirm
        )
        if self.watch is not None and seen is not None:
            self.watch.remember(seen)
        self.relearn_at = 2 * len(self.ticks)

    def step(self, block: int, value: float) -> Point | None:
        if self.watch is None:
            kept, point = value, None
        else:
            kept, point = self.watch.step(block, value)
        self.ticks.append(block)
        self.values.append(kept)
        if len(self.ticks) >= self.relearn_at and (self.watch is None or not self.watch.pending):
            self.learn()
        return point

    def restart(self, ticks: Ints, values: Floats) -> None:
        blocks, middles = _blocks(ticks, values, self.size)
        if self.watch is not None:
            self.watch.restart(blocks, middles)
        self.ticks, self.values = blocks.tolist(), middles.tolist()


def _blocks(ticks: Ints, values: Floats, size: int) -> tuple[Ints, Floats]:
    """Blocks that hold values, and the median of each: a single odd value makes no odd block."""
    blocks, begins = np.unique(ticks // size, return_index=True)
    return blocks, np.array([np.median(part) for part in np.split(values, begins[1:])])


class PointScales:
    """Ticks and blocks of one metric; a block says nothing where a tick of it has spoken."""

    def __init__(self, ticks: Ints, values: Floats, tick_s: int, w: float) -> None:
        size = block_ticks(len(ticks), tick_s)
        self._scales = [_Scale.of(s, ticks, values, tick_s, w / 2) for s in (1, size) if s]
        self._open: list[float] = []
        self._block = -1
        self._said = int(ticks[0])

    @property
    def watched(self) -> bool:
        """Whether there is anything to watch for."""
        return any(s.watch is not None for s in self._scales)

    def step(self, tick: int, value: float) -> Point | None:
        """Take the value of a tick; the far point that is decided by it, if any."""
        fine = self._scales[0].step(tick, value)
        coarse = self._coarse(tick, value) if len(self._scales) > 1 else None
        if fine is not None:
            self._said = tick
            return fine
        return coarse

    def _coarse(self, tick: int, value: float) -> Point | None:
        scale = self._scales[1]
        block = tick // scale.size
        point = None
        if block != self._block:
            if 2 * len(self._open) >= scale.size:
                point = scale.step(self._block, median(self._open))
            self._block, self._open = block, []
        self._open.append(value)
        if point is None:
            return None
        begun = point.tick * scale.size
        return replace(point, tick=begun) if begun > self._said else None

    def restart(self, ticks: Ints, values: Floats) -> None:
        """Go on at the level of these values."""
        for scale in self._scales:
            scale.restart(ticks, values)
        self._open = []
        self._said = int(ticks[-1])
