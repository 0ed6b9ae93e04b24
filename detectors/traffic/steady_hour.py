"""Whether the last hour of calls was so steady that minutes without one are beyond chance.

For a service whose hours of the week are not known yet. Calls of an hour that is *steady* come in each of
its quarters, in none half as often as on average. With n calls in 60 minutes, of which ``burst`` are as good
as one, the next call is further away than g minutes with probability (60 / (60 + g))^(n / burst): the
predictive distribution of a Poisson rate that is known from that hour alone.

Assumption that breaks first: the hour that comes is like the one that was. So only gaps of up to `MOST_GAP`
minutes are looked at; what ends by the clock (an office, a batch) is learned from its first end (`Stops`),
or from a week that is learned or adopted (`learned_stops`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from detectors.engine.ticks import Floats

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
RARE = 10.0
"""Surprise of `MOST_GAP` minutes from which on a longer gap is a stop: it is not chance, if not due yet."""
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


def steady_hour(minutes: Sequence[int] | Floats) -> SteadyHour | None:
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


def _longest_gap(counts: Floats) -> int:
    """Most neighbouring minutes without a call."""
    longest = here = 0
    for n in counts:
        here = 0 if n else here + 1
        longest = max(longest, here)
    return longest


def learned_stops(counts: Floats, expected: Floats, first_tick: int, tick_s: int, burst: float) -> list[int]:
    """When a service stopped after a steady hour though its hour of the week expected calls.

    Minutes since 1970 of ticks with a last call, each at another time of day, `MOST_STOPS` at most.
    ``counts`` and ``expected`` are calls per tick, ``burst`` what is known of all hours.
    """
    minutes, ticks = tick_s // 60, max(3600 // tick_s, 1)
    stops = Stops()
    for last in np.flatnonzero((counts[:-1] > 0) & (counts[1:] == 0)):
        gap = np.flatnonzero(counts[last + 1 :])
        empty = int(gap[0]) if len(gap) else len(counts) - 1 - int(last)
        for end in (last, last - 1):  # the last tick may hold but a part of its calls
            if end + 1 < ticks or len(stops.at) >= MOST_STOPS:
                continue
            hour = steady_hour(np.repeat(counts[end + 1 - ticks : end + 1] / minutes, minutes))
            if hour is None:
                continue
            before = expected[end + 1 - ticks : end + 1].mean()
            alike = min(1.0, float(expected[last + 1] / before)) if before > 0 else 0.0
            worth = SteadyHour(hour.calls, max(hour.burst, burst))
            if worth.surprise(min(empty * minutes, MOST_GAP) * alike) >= RARE:
                stops.note(int(first_tick + last) * minutes)
    return stops.at


@dataclass(slots=True)
class Stops:
    """When a service stopped after a steady hour: minutes since 1970 of the last call before each gap."""

    at: list[int] = field(default_factory=list)

    def note(self, minute: int) -> None:
        """It stopped then, and has come back."""
        if not self.expects(minute):
            self.at.append(minute)

    def add(self, minutes: Iterable[int]) -> None:
        """It stopped then, elsewhere."""
        for minute in minutes:
            self.note(minute)

    def expects(self, minute: int) -> bool:
        """Whether a stop at this time is what the service does: at this time of day, or again and again."""
        if len(self.at) >= MOST_STOPS:
            return True
        return any((minute - at + ALIKE) % DAY <= 2 * ALIKE for at in self.at)
