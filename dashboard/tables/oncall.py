"""How being on call is, as figures with their intervals and as weeks. Pure.

Shares, rates and names come from `alerts.incidents.oncall_health`, which the alerts API and ``lightship
incidents health`` use too. Here are the interval of a count (exact, Garwood 1936) and that of a median (order
statistics).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

from scipy.special import bdtr, gammaincinv

from alerts.errors import Defect
from alerts.incidents.codec import incident_from_json
from alerts.incidents.incident import BY_PEOPLE, Incident
from alerts.incidents.oncall_health import FALSE, health
from dashboard import palette
from dashboard.measures.intervals import CONFIDENCE, Interval
from dashboard.palette import State
from dashboard.queries.oncall import Delivered
from dashboard.tables.trend_rows import monday
from infra.clock import NS_PER_S, to_datetime

LEAST_FOR_MEDIAN = 6
"""Values below which no two of them bound a median with 95 %."""
MONTH_DAYS = 30.0
ENDS_SOON = timedelta(hours=1)


class Middle(NamedTuple):
    """A median in minutes of ``n`` spans; its ends are ``None`` where there are too few."""

    minutes: float | None
    low: float | None
    high: float | None
    n: int


class PageWeek(NamedTuple):
    """Pages of one week: called nothing or taken back, acted on, and neither."""

    week: datetime
    false: int
    acted: int
    ignored: int

    @property
    def pages(self) -> int:
        """All of them."""
        return self.false + self.acted + self.ignored


@dataclass(frozen=True, slots=True)
class Care:
    """Figures of a window; ``health`` as the alerts API gives it; ``allowed`` false pages may be."""

    health: dict[str, Any]
    acknowledged: Middle
    resolved: Middle
    weeks: tuple[PageWeek, ...]
    allowed: float
    false_pages: int
    unread: int

    @property
    def pages(self) -> int:
        """Pages in the window."""
        return int(self.health["pages"])

    @property
    def over_budget(self) -> bool:
        """Whether more pages were for nothing than chance explains at the allowed rate."""
        return self.false_pages > 0 and of_count(self.false_pages).low > self.allowed


def care(
    bodies: Sequence[str], tenant: str, lineage: str, days: float, now: datetime, pages_per_month: float
) -> Care:
    """Figures of the last ``days`` before ``now`` from stored incidents."""
    found, unread = [], 0
    for body in bodies:
        try:
            found.append(incident_from_json(body))
        except Defect:
            unread += 1
    now_ns = int(now.timestamp()) * NS_PER_S
    told = health(found, tenant, lineage, days, now_ns)
    since_ns = now_ns - round(days * 86_400) * NS_PER_S
    pages = [i for i in found if i.severity == "page" and (i.fired_ns or 0) >= since_ns]
    return Care(
        health=told,
        acknowledged=middle((i.fired_ns, i.acknowledged_ns) for i in pages),
        resolved=middle((i.fired_ns, i.resolved_ns) for i in pages),
        weeks=weeks(pages, now - timedelta(days=days), now),
        allowed=pages_per_month * days / MONTH_DAYS,
        false_pages=sum(i.ending in FALSE for i in pages),
        unread=unread,
    )


def middle(spans: Iterable[tuple[int | None, int | None]]) -> Middle:
    """Median of the spans that have both ends, with the order statistics that bound it."""
    minutes = sorted(max(0, b - a) / (60 * NS_PER_S) for a, b in spans if a is not None and b is not None)
    n = len(minutes)
    if n == 0:
        return Middle(None, None, None, 0)
    if n < LEAST_FOR_MEDIAN:
        return Middle(median(minutes), None, None, n)
    rank = (
        0  # the largest with P(fewer than rank + 1 values lie below the median) within half of what is left
    )
    while bdtr(rank, n, 0.5) <= (1 - CONFIDENCE) / 2:
        rank += 1
    return Middle(median(minutes), minutes[rank - 1], minutes[n - rank], n)


def of_count(k: int, confidence: float = CONFIDENCE) -> Interval:
    """Interval of the expected number of rare events of which ``k`` came."""
    tail = (1 - confidence) / 2
    low = float(gammaincinv(k, tail)) if k else 0.0
    return Interval(low, float(gammaincinv(k + 1, 1 - tail)))


def weeks(pages: Sequence[Incident], since: datetime, now: datetime) -> tuple[PageWeek, ...]:
    """Pages by week from Monday on, oldest first, weeks without any among them."""
    first = monday(since)
    out = []
    for n in range(math.floor((monday(now) - first) / timedelta(weeks=1)) + 1):
        week = first + timedelta(weeks=n)
        own = [i for i in pages if week <= to_datetime(i.fired_ns or 0) < week + timedelta(weeks=1)]
        false = sum(i.ending in FALSE for i in own)
        acted = sum(i.ending not in FALSE and _acted_on(i) for i in own)
        out.append(PageWeek(week, false, acted, len(own) - false - acted))
    return tuple(out)


CHANNEL = (palette.FAILED, palette.PENDING, palette.OK)
"""How a receiver's messages fare."""


def channel(found: Delivered) -> State:
    """Failed: the latest that was not sent was given up later than any was sent."""
    failed, pending, fine = CHANNEL
    if found.gave_up and found.trouble and (found.newest is None or found.trouble > found.newest):
        return failed
    return pending if found.waiting else fine


def _acted_on(incident: Incident) -> bool:
    has_it = incident.acknowledged_by is not None or incident.held_by is not None
    return has_it or incident.ending in BY_PEOPLE
