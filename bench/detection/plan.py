"""How much is simulated: the same for every row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.detection.streams import DAY

WATCH = 14
"""Days a series is watched."""
HALF = WATCH * DAY // 2
"""Ticks of watching after which a change begins."""
BUDGET = 0.05
"""Share of unchanged series that may page while they are watched."""
H = float(np.log(WATCH * DAY / BUDGET))
"""The threshold that follows from it: never calibrated."""
FLEET_H = 17.6
"""The threshold of one of 5,000 series that share a false page a month."""
SLACK = 0.02
"""What the upper limit of a simulated share may lie above the budget."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``series`` a scenario of ours, ``rivals`` of each other detector (0: none); ``full``: the long run."""

    seed: int = 1
    series: int = 400
    rivals: int = 40
    full: bool = False

    @property
    def changed(self) -> int:
        """Series of a scenario that change."""
        return max(self.series // 4, 20)

    def rng(self, *stream: int) -> np.random.Generator:
        """A generator of its own for each purpose."""
        return np.random.default_rng([self.seed, *stream])

    @property
    def fleet(self) -> int:
        """Series of the fleet: a trial run with few series a scenario has a small one."""
        return 5_000 if self.series >= 400 else 5 * self.series
