"""The gap of one service: minutes without a call, how surprising they are, and what is stated of them.

What is expected comes from the hour of the week (`week_profile`) once that is known: learned here, or adopted
from another lineage and then scaled to the traffic that came since. Until then the last hour has to do
(`steady_hour`), in live lineages alone. Beside a week it is heard as well: an import knows little of how much
comes now, and a week whose days differ little of this day. Its minutes then count as far as the week expects
them to be like the hour that was (an office that closes), calls are as bursty as the more bursty of both
says, and the two share what may be spent.

Two kinds of gaps are no silence. Minutes that passed at once are a pause of Lightship's: in a live lineage
the clock moves every few seconds while it runs. And where no service of the lineage is heard, though others
should have been, it is what receives the calls that stands still: that is one finding about the pipeline, and
gaps count anew from when anything is heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from detectors.finding import Finding
from detectors.internal_finding import internal_finding
from detectors.traffic.steady_hour import (
    HOUR,
    LEAST_GAP,
    MOST_GAP,
    RARE,
    SteadyHour,
    Stops,
    steady_hour,
)
from detectors.traffic.week_profile import WeekProfile

STILL = "ingestion_still"
"""Score of the finding that nothing is received."""
DOUBTFUL = 3.0
"""Surprise from which on another service is missed: it is heard in 95 of 100 gaps like that."""
TOGETHER = 10
"""Minutes within which the last calls of services lie that stopped together."""
FADE = float(np.exp(-1 / 360))
"""Of what was counted to scale an adopted profile, what is left after another minute with calls."""


@dataclass(frozen=True, slots=True)
class Look:
    """A gap by one of what is known: minus log of its probability, from where on that is due, and why.

    ``expected`` calls should have come in the gap, at ``usual`` calls an hour. The threshold is infinite
    where the gap may be no silence.
    """

    surprise: float
    threshold: float
    expected: float
    usual: float

    @property
    def is_due(self) -> bool:
        """Whether the gap is too long for chance."""
        return self.surprise >= self.threshold


@dataclass(slots=True)
class Gap:
    """State of one service; minutes are Unix time // 60 s.

    Parameters
    ----------
    live
        Whether the lineage's clock is the wall's.
    last_call
        Minute of the last call.
    gone
        Calls that were expected since ``since``.
    """

    live: bool
    last_call: int = 0
    since: int = 0
    gone: float = 0.0
    silent: int = 0
    open: Finding | None = None
    still: int | None = None
    adopted: tuple[float, float] | None = None
    recent: deque[int] = field(default_factory=lambda: deque(maxlen=HOUR))
    hour: SteadyHour | None = None
    stops: Stops = field(default_factory=Stops)

    def call(self, minute: int, n: int, profile: WeekProfile | None) -> list[Finding]:
        """``n`` calls came in a minute; what ends."""
        if self.still is None and self.silent > MOST_GAP and self._worth(profile).surprise(MOST_GAP) >= RARE:
            self.stops.note(self.last_call)
        if self.adopted is not None and profile is not None:
            came, expected = self.adopted
            self.adopted = came * FADE + n, expected * FADE + self.gone + profile.rate(minute)
        self.recent.append(n)
        self._begin(minute)
        self.last_call, self.hour, self.still = minute, None, None
        over, self.open = self.open, None
        return [] if over is None else [replace(over, ended_at=time_of(minute))]

    def _begin(self, minute: int) -> None:
        self.since, self.gone, self.silent = minute, 0.0, 0

    def pause(self, minute: int) -> None:
        """A minute without a call that nobody could have heard: an hour with many of them is not steady."""
        self.recent.append(0)
        self._begin(minute)

    def empty_minute(
        self, minute: int, profile: WeekProfile | None, *, heard_elsewhere: bool
    ) -> list[Finding]:
        """A minute without a call; what ends, as somebody else is heard again."""
        if self.last_call == 0:
            return []
        if self.live:
            if not self.silent and self.hour is None:
                self.hour = steady_hour(list(self.recent))
            self.recent.append(0)
        self.silent += 1
        if profile is not None and self.open is None:
            self.gone += profile.rate(minute)
        if self.still is None or not heard_elsewhere:
            return []
        self._begin(minute)
        self.still, over, self.open = None, self.open, None
        return [] if over is None else [replace(over, ended_at=time_of(minute + 1))]

    def looks(self, profile: WeekProfile | None, w: float) -> list[Look]:
        """The gap by all that is known, when ``w`` false findings a tick may be stated."""
        if profile is None:
            return [self._by_hour(None, w)]
        if not self.live:
            return [self._by_week(profile, w)]
        return [self._by_week(profile, w / 2), self._by_hour(profile, w / 2)]

    def look(self, profile: WeekProfile | None, w: float) -> Look:
        """The one of them that is the nearest to being due, or the farthest beyond."""
        return max(self.looks(profile, w), key=lambda one: one.surprise - one.threshold)

    def _by_week(self, profile: WeekProfile, w: float) -> Look:
        known = profile.surprise(self.gone)
        if self.adopted is not None:
            came, expected = self.adopted
            scaled = float(np.log1p(self.gone / expected)) if expected > 0 else 0.0
            known = min(known, came / profile.burst * scaled)
        return Look(known, float(np.log(1 / w)), self.gone, self.gone / max(self.silent, 1) * HOUR)

    def _by_hour(self, profile: WeekProfile | None, w: float) -> Look:
        hour = self.hour
        if hour is None or self.silent > MOST_GAP:
            return Look(0.0, float(np.inf), 0.0, 0.0)
        alike = float(self.silent) if profile is None else self._alike(profile)
        may = self.silent >= LEAST_GAP and not self.stops.expects(self.last_call)
        due = float(np.log(max(hour.calls / 12, 1.0) / w)) if may else float(np.inf)
        surprise = self._worth(profile).surprise(alike)
        return Look(surprise, due, hour.usual() * alike / HOUR, hour.usual())

    def _worth(self, profile: WeekProfile | None) -> SteadyHour:
        """The hour before the gap, as bursty as anything that is known says; of no calls without one."""
        hour = self.hour or SteadyHour(0, 1.0)
        return SteadyHour(hour.calls, max(hour.burst, 1.0 if profile is None else profile.burst))

    def _alike(self, profile: WeekProfile) -> float:
        """Minutes of the gap, each as far as the week expects of it what it expected of the hour before."""
        before = sum(profile.rate(self.since - i) for i in range(HOUR)) / HOUR
        if before <= 0:
            return 0.0
        return sum(min(1.0, profile.rate(self.since + 1 + i) / before) for i in range(self.silent))

    def is_due(self, profile: WeekProfile | None, w: float) -> bool:
        """Whether the gap is to be stated: nothing is open, and it is too long for chance."""
        if self.open is not None or self.still is not None or self.last_call == 0:
            return False
        return self.look(profile, w).is_due

    def nothing_received(self, minute: int, tenant: str, others: int, *, stated: bool) -> list[Finding]:
        """Nothing is received: that is stated once, by the first service that misses its calls."""
        self.still = self.last_call
        if stated:
            return []
        self.open = internal_finding(
            STILL,
            tenant,
            str(self.last_call),
            at=time_of(minute + 1),
            onset=time_of(self.last_call + 1),
            severity="page",
            detector="silence.1",
            note=f"no call of any service is received: {others} more had traffic until then",
        )
        return [self.open]

    def state(self) -> list[Any]:
        """Plain form for a snapshot, beside ``last_call``, ``gone`` and what is open."""
        hour = None if self.hour is None else [self.hour.calls, self.hour.burst]
        adopted = None if self.adopted is None else list(self.adopted)
        return [self.since, self.silent, self.still, adopted, list(self.recent), hour, self.stops.at]

    @classmethod
    def restored(cls, live: bool, facts: Mapping[str, Any], opened: Finding | None) -> Gap:
        """Inverse of `state`; a snapshot from before it has only ``last_call`` and ``gone``."""
        gap = cls(live, facts["last_call"], gone=facts["gone"], open=opened)
        if "gap" in facts:
            gap.since, gap.silent, gap.still, adopted, recent, hour, stops = facts["gap"]
            gap.adopted = None if adopted is None else (adopted[0], adopted[1])
            gap.recent.extend(recent)
            gap.hour = None if hour is None else SteadyHour(*hour)
            gap.stops = Stops(list(stops))
        else:
            gap.since, gap.silent = gap.last_call, max(0, (facts["next"] or 0) - gap.last_call - 1)
        return gap


def time_of(minute: int) -> datetime:
    """A minute as a time."""
    return datetime.fromtimestamp(minute * 60, UTC)
