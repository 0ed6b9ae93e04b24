"""A metric that stands still: a sensor that is stuck, an exporter that repeats its last answer.

No level moves and no value is far, yet a person sees it at once. A run of one and the same value is told when
it is `LONGER` times the longest of the learning window, and at least `LEAST_RUN` ticks. Assumption that
breaks first: that a metric which never rested will not rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.engine.ticks import Floats

LONGER = 4
LEAST_RUN = 24
NEVER = 1 << 62
"""For what mostly stood still while it was learned: that is how it is."""


@dataclass(slots=True)
class StillWatch:
    """``limit`` is the run that is told; `learn` finds it. Call `step` once a tick that has a value."""

    limit: int
    _value: float
    _run: int
    _begun: int

    @classmethod
    def learn(cls, values: Floats, last_tick: int) -> StillWatch:
        """From the values of a learning window that ended at ``last_tick``."""
        ends = np.flatnonzero(np.append(np.diff(values) != 0, True))
        runs = np.diff(np.append(-1, ends))
        longest = int(runs.max())
        limit = NEVER if 2 * longest > len(values) else max(LEAST_RUN, LONGER * longest)
        return cls(limit, float(values[-1]), int(runs[-1]), last_tick)

    @property
    def stands(self) -> bool:
        """Whether it stands still and that was told."""
        return self._run >= self.limit

    def step(self, tick: int, value: float) -> int | None:
        """Take the value of a tick; the tick at which it came to stand still, when that is to be told."""
        if value != self._value:
            self._value, self._run, self._begun = value, 0, tick
        self._run += 1
        return self._begun if self._run == self.limit else None
