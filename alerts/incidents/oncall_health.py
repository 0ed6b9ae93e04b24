"""How the people on call fare: what they were told of late, what they did about it, how long it took. Pure.

Pages that nobody acts on teach people to look away, so their share is the figure to watch. It comes with a
95 % interval (Wilson, 1927): a few weeks hold few pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

import numpy as np

from alerts.incidents.incident import BY_PEOPLE, FIRING, RECOVERING, Incident
from detectors.change.effect import wilson
from detectors.finding import rfc3339
from infra.clock import NS_PER_S, to_datetime

FALSE = ("false_alarm", "withdrawn")
"""Endings of what was nothing: a person said so, or detection took it back."""
FLAPPING = 2
"""An incident that came back so often is one that should be looked at, not paged for."""
MOST_NAMED = 20


def health(
    incidents: Iterable[Incident], tenant: str, lineage: str, days: float, now_ns: int
) -> dict[str, Any]:
    """Figures of the incidents of a tenant's lineage that fired in the last ``days`` before ``now_ns``.

    ``acted_on``: acknowledged, held, or ended by a person. Times are in minutes from the firing; incidents
    that nobody took, or that are not over, have none.
    """
    since_ns = now_ns - round(days * 86_400 * NS_PER_S)
    chosen = [
        i
        for i in incidents
        if (i.place.tenant, i.place.lineage) == (tenant, lineage) and (i.fired_ns or 0) >= since_ns
    ]
    pages = [i for i in chosen if i.severity == "page"]
    waiting = [i for i in pages if i.state in (FIRING, RECOVERING) and not _acted_on(i)]
    flapping = sorted((i for i in chosen if i.reopened >= FLAPPING), key=lambda i: -i.reopened)
    return {
        "tenant": tenant,
        "lineage": lineage,
        "since": rfc3339(to_datetime(since_ns)),
        "days": days,
        "pages": len(pages),
        "pages_per_week": round(len(pages) * 7 / days, 3),
        "tickets": len(chosen) - len(pages),
        "acted_on": _share(sum(map(_acted_on, pages)), len(pages)),
        "false": _share(sum(i.ending in FALSE for i in pages), len(pages)),
        "minutes_to_acknowledge": _median((i.fired_ns, i.acknowledged_ns) for i in pages),
        "minutes_to_resolve": _median((i.fired_ns, i.resolved_ns) for i in pages),
        "waiting": [i.incident_id for i in waiting[:MOST_NAMED]],
        "flapping": [{"incident_id": i.incident_id, "reopened": i.reopened} for i in flapping[:MOST_NAMED]],
    }


def _acted_on(incident: Incident) -> bool:
    return (
        incident.acknowledged_by is not None or incident.held_by is not None or incident.ending in BY_PEOPLE
    )


def _share(k: int, n: int) -> dict[str, Any]:
    """``k`` of ``n``, as a share with its interval; no share of nothing."""
    if n == 0:
        return {"n": 0, "share": None, "low": None, "high": None}
    (low,), (high,) = wilson(np.array([float(n)]), np.array([float(k)]))
    return {"n": k, "share": k / n, "low": float(low), "high": float(high)}


def _median(spans: Iterable[tuple[int | None, int | None]]) -> float | None:
    """Median of the spans that have both ends, minutes."""
    found = [max(0, b - a) / (60 * NS_PER_S) for a, b in spans if a is not None and b is not None]
    return round(median(found), 2) if found else None
