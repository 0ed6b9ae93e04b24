"""How many calls are expected at an hour of the week, and how likely a gap is there.

Calls of a minute come at the rate of their hour of the week. Around it traffic is bursty on a short scale
(``burst`` events are as good as one) and wanders as a whole (a gamma rate with ``shape``), so a gap in which
x calls are expected has the probability (1 + x / (burst shape))^-shape: exp(-x / burst) for traffic that does
not wander. Gaps of the learning period itself must not look rarer than their number allows: burst is raised
until they do not (mornings that begin late, breaks).

Assumption that breaks first: an hour of the week is alike every week. Holidays are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from detectors.engine.ticks import DAY_S, HOUR_S, Floats, Ints
from detectors.traffic.steady_hour import learned_stops

HOURS = 168
FULL_WEEKS = 2
"""So many weeks tell hours of the week apart; fewer only hours of workdays from hours of weekends."""
SLACK = 2.0
"""A gap of the learning period may be rarer than one in their number by e to this."""


@dataclass(frozen=True, slots=True)
class WeekProfile:
    """``per_minute`` calls by hour of the week (168, Monday midnight UTC first); 0 where nothing is known.

    ``stops`` are minutes (Unix time // 60 s) at which a steady hour ended that the hours do not tell of.
    """

    per_minute: Floats
    burst: float
    shape: float
    stops: tuple[int, ...] = ()

    def rate(self, minute: int) -> float:
        """Expected calls in one minute (Unix time // 60 s)."""
        return float(self.per_minute[_hour_of_week(minute // 60)])

    def surprise(self, expected: float) -> float:
        """Minus log of the probability of a gap in which so many calls are expected."""
        return float(self.shape * np.log1p(expected / (self.burst * self.shape)))

    def expected_gap(self, minute: int, surprise: float, most: int = 14 * 1440) -> int:
        """Minutes without a call from ``minute`` on until a gap is so surprising; at most ``most``."""
        gone = 0.0
        for i in range(most):
            gone += self.rate(minute + i)
            if self.surprise(gone) >= surprise:
                return i + 1
        return most


def profile_of(facts: Sequence[Any] | None, per_minute: Floats) -> WeekProfile | None:
    """A profile as it stands in a snapshot: burst, shape and (not in old ones) stops; ``None`` for none."""
    if facts is None:
        return None
    burst, shape, *stops = facts
    return WeekProfile(per_minute, burst, shape, tuple(*stops))


def learn_profile(counts: Floats, first_tick: int, tick_s: int) -> tuple[WeekProfile, Floats]:
    """Profile of calls per tick, and what it expects of each of those ticks without the tick's own week.

    Raises
    ------
    ValueError
        If there is no call at all.
    """
    if not counts.sum() > 0:
        raise ValueError("no profile without calls")
    ticks = first_tick + np.arange(len(counts), dtype=np.int64)
    hours = ticks * tick_s // HOUR_S
    at = _hour_of_week(hours)
    week = (ticks - first_tick) * tick_s // (7 * DAY_S)
    sums, covered = np.zeros((int(week[-1]) + 1, HOURS)), np.zeros((int(week[-1]) + 1, HOURS))
    np.add.at(sums, (week, at), counts)
    np.add.at(covered, (week, at), 1.0)
    full = len(counts) * tick_s >= FULL_WEEKS * 7 * DAY_S
    per_tick = _shrunk(sums.sum(0), covered.sum(0), full)
    others = np.stack(
        [_shrunk(sums.sum(0) - s, covered.sum(0) - c, full) for s, c in zip(sums, covered, strict=True)]
    )
    crossed = others[week, at]
    burst = _burst(counts)
    shape = _shape(counts, crossed, burst, tick_s)
    profile = _calibrated(WeekProfile(per_tick * 60 / tick_s, burst, shape), counts, per_tick[at])
    stops = learned_stops(counts, per_tick[at], first_tick, tick_s, profile.burst)
    return replace(profile, stops=tuple(stops)), np.where(crossed > 0, crossed, per_tick[at])


def _hour_of_week(hours: Ints | int) -> Ints:
    """0..167 of hours since 1970, Monday midnight UTC first (1970-01-01 was a Thursday)."""
    return np.asarray((hours + 72) % HOURS, dtype=np.int64)


def _shrunk(calls: Floats, ticks: Floats, full: bool) -> Floats:
    """Calls per tick by hour of the week, each drawn towards that hour of its kind of day.

    An hour is worth as much as a quarter of the hours like it of one week.
    """
    hour, kind = np.arange(HOURS) % 24, (np.arange(HOURS) // 24 >= 5).astype(int)
    group = kind * 24 + hour
    alike_n = np.bincount(group, weights=ticks, minlength=48)[group]
    alike = np.bincount(group, weights=calls, minlength=48)[group] / np.maximum(alike_n, 1.0)
    if not full:
        return np.where(alike_n > 0, alike, 0.0)
    own = calls / np.maximum(ticks, 1.0)
    weight = ticks / (ticks + 3.0)
    return np.where(ticks > 0, weight * own + (1 - weight) * alike, np.where(alike_n > 0, alike, 0.0))


def _burst(counts: Floats) -> float:
    """Variance over mean on the scale of a tick, from neighbours: at least 1."""
    steps, both = np.diff(counts), counts[1:] + counts[:-1]
    return max(1.0, float((steps**2).sum() / max(both.sum(), 1.0)))


def _shape(counts: Floats, expected: Floats, burst: float, tick_s: int) -> float:
    """Shape of the gamma rate: how far sums of an hour and of a day scatter beyond bursts."""
    wander = 1e-6
    for length in (HOUR_S // tick_s, DAY_S // tick_s):
        size = len(counts) // length * length
        if size == 0:
            continue
        c, m = (x[:size].reshape(-1, length).sum(1) for x in (counts, expected))
        beyond = ((c - m) ** 2).sum() - burst * m.sum()
        wander = max(wander, float(beyond / max((m**2).sum(), 1.0)))
    return 1 / wander


def _calibrated(profile: WeekProfile, counts: Floats, expected: Floats) -> WeekProfile:
    """The profile under which no gap that was learned is rarer than their number allows."""
    gaps, gone = [], 0.0
    for n, m in zip(counts, expected, strict=True):
        if n > 0:
            gaps += [gone] if gone > 0 else []
            gone = 0.0
        else:
            gone += float(m)
    if not gaps:
        return profile
    allowed = np.log(max(float((counts > 0).sum()), 2.0)) + SLACK
    worst, k = max(gaps), profile.shape
    needed = worst / (k * np.expm1(allowed / k)) if allowed / k < 500 else 0.0
    return replace(profile, burst=max(profile.burst, float(needed)))
