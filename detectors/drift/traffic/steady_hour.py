"""Whether the last hour of calls was so steady that minutes without one are beyond chance.

For a service whose hours of the week are not known yet. Calls of an hour that is *steady* come in each of
its quarters, in none half as often as on average. With n calls in 60 minutes, of which ``burst`` are as good
as one, the next call is further away than g minutes with probability (60 / (60 + g))^(n / burst): the
predictive distribution of a Poisson rate that is known from that hour alone.

Assumption that breaks first: the hour that comes is like the one that was. So only gaps of up to `MOST_GAP`
minutes are looked at; what ends by the clock (an office, a batch) is learned from its first end (`Stops`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

HOUR, QUARTER, BLOCK = 60, 15, 5
"""Minutes."""
LEAST_GAP, MOST_GAP = 2, 7
"""Whole minutes without a call before which nothing is stated, and after which nothing is any more."""
LEAST_QUARTER = 0.5
"""Share of the mean quarter of an hour that each quarter must have."""
SLACK = 2.0
"""A gap within the hour may be rarer than one in its calls by e to this."""
DAY = 1440
ALIKE = 120
"""Minutes of the day that two ends may be apart and still be alike."""
MOST_STOPS = 3
"""A service that has stopped at so many times of the day after a steady hour is one that stops."""


@dataclass(frozen=True, slots=True)
class SteadyHour:
    """``calls`` came in the hour before a gap; ``burst`` of them are as good as one."""

    calls: int
    burst: float

    def surprise(self, gap: float) -> float:
        """Minus log of the probability of so many minutes without a call."""
        return float(self.calls / self.burst * np.log1p(gap / HOUR))

    def usual(self) -> float:
        """Calls per hour."""
        return float(self.calls)


def steady_hour(minutes: Sequence[int]) -> SteadyHour | None:
    """The hour whose calls per minute these are, oldest first; ``None`` if it is not whole or not steady."""
    if len(minutes) < HOUR:
        return None
    counts = np.asarray(minutes[-HOUR:], dtype=float)
    quarters = counts.reshape(-1, QUARTER).sum(1)
    calls = float(counts.sum())
    if calls == 0 or quarters.min() < LEAST_QUARTER * quarters.mean():
        return None
    blocks = counts.reshape(-1, BLOCK).sum(1)
    burst = max(1.0, float(blocks.var(ddof=1) / blocks.mean()))
    worst = _longest_gap(counts) * calls / HOUR
    return SteadyHour(int(calls), max(burst, worst / (np.log(calls) + SLACK)))


def _longest_gap(counts: np.ndarray[tuple[int], np.dtype[np.float64]]) -> int:
    """Most neighbouring minutes without a call."""
    longest = here = 0
    for n in counts:
        here = 0 if n else here + 1
        longest = max(longest, here)
    return longest


@dataclass(slots=True)
class Stops:
    """When a service stopped after a steady hour: minutes since 1970 of the last call before each gap."""

    at: list[int] = field(default_factory=list)

    def note(self, minute: int) -> None:
        """It stopped then, and has come back."""
        if not self.expects(minute):
            self.at.append(minute)

    def expects(self, minute: int) -> bool:
        """Whether a stop at this time is what the service does: at this time of day, or again and again."""
        if len(self.at) >= MOST_STOPS:
            return True
        return any((minute - at + ALIKE) % DAY <= 2 * ALIKE for at in self.at)
