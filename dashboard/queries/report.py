"""What a report of a period tells beside the trends: traffic by day, who scored it, incidents, what appeared.

Days are UTC. No answer depends on when parts were merged: a report of the same rows is the same report.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import unquote

from dashboard.formats import utc
from dashboard.queries.days_and_cells import DAY_S, Weeks, bounds, days_and_cells
from dashboard.queries.fleet import COUNTING_SCORES
from dashboard.queries.releases import DIMENSIONS
from dashboard.queries.store import Scope, Store

TEXT_SCORE = "output_length"
"""A score that every output with a text has, and none without."""
MOST_INCIDENTS = 2_000
LOOK_BACK_DAYS = 90
"""Days before the period in which a value that was seen is no new one."""


_SCORES = "unit = 'interaction' AND score IN {scores:Array(String)}"

_TRAFFIC = """
SELECT service, environment, groupArray((day, most, with_text)) AS found
FROM
(
    SELECT service, environment, day, max(n) AS most, maxIf(n, score = {text:String}) AS with_text
    FROM
    (
        SELECT service, environment, score, generation, day, sum(n) AS n
        FROM
        ($rows)
        GROUP BY service, environment, score, generation, day
    )
    GROUP BY service, environment, day
)
GROUP BY service, environment
ORDER BY service, environment
LIMIT 500
""".replace(
    "$rows",
    days_and_cells("service, environment, score, generation, n, $day AS day", f"{_SCORES} AND slice = 'all'"),
)

_APPEARED = """
SELECT service, environment, slice, first
FROM
(
    SELECT service, environment, slice, first, min(first) OVER (PARTITION BY service, environment) AS began
    FROM
    (
        SELECT service, environment, slice, min(day) AS first
        FROM
        ($rows)
        GROUP BY service, environment, slice
    )
)
WHERE first > began AND first >= toDate(toDateTime({since:UInt32}, 'UTC')) AND slice != 'all'
ORDER BY first, service, environment, slice
LIMIT 500
""".replace(
    "$rows",
    days_and_cells(
        "service, environment, slice, $day AS day",
        f"{_SCORES} AND (slice = 'all' "
        "OR splitByChar('=', toString(slice))[1] IN {dimensions:Array(String)} "
        "AND position(slice, ',') = 0)",
    ),
)

_SCORED_BY = """
SELECT scorer_versions, min(earliest), max(latest)
FROM
(
    SELECT scorer_versions, first AS earliest, last AS latest
    FROM scored_by
    WHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND ({service:String} = '' OR service = {service:String})
        AND day >= toDate(toDateTime({from:UInt32}, 'UTC')) AND day < toDate(toDateTime({to:UInt32}, 'UTC'))
    UNION ALL
    SELECT scorer_versions, start AS earliest, start AS latest
    FROM interactions
    WHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND ({service:String} = '' OR service = {service:String})
        AND start >= toStartOfDay(toDateTime({to:UInt32}, 'UTC')) AND start < toDateTime({to:UInt32}, 'UTC')
        AND scorer_versions != ''
)
GROUP BY scorer_versions
ORDER BY min(earliest), scorer_versions
LIMIT 100
"""
"""Days that are over from the account of scorers by day, what is left of the last one from interactions."""

_FIRED = """
SELECT body, count() OVER () AS of
FROM incidents FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND ({service:String} = '' OR service = {service:String})
    AND fired_at >= toDateTime({from:UInt32}, 'UTC') AND fired_at < toDateTime({to:UInt32}, 'UTC')
ORDER BY fired_at DESC, incident_id
LIMIT {limit:UInt32}
"""


@dataclass(frozen=True, slots=True)
class Traffic:
    """A service by day: (day, interactions, those of them with a text to score), oldest first."""

    service: str
    environment: str
    days: tuple[tuple[date, int, int], ...]


@dataclass(frozen=True, slots=True)
class Appeared:
    """A value of a dimension that a service had on no earlier day, though it sent something."""

    service: str
    environment: str
    dimension: str
    value: str
    day: date


@dataclass(frozen=True, slots=True)
class ScoredBy:
    """A set of scorer versions, by its hash, and the first and last interaction it scored."""

    versions: str
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Fired:
    """Incidents that fired, latest first, each as the alerts service's JSON; ``of`` counts all there are."""

    bodies: tuple[str, ...]
    of: int


def traffic(store: Store, scope: Scope, period: Weeks) -> tuple[Traffic, ...]:
    """Interactions by service and day: of each day what the score that is there most often counted."""
    rows = store.rows(_TRAFFIC, _bound(scope, period, scores=list(COUNTING_SCORES), text=TEXT_SCORE))
    return tuple(
        Traffic(
            str(service),
            str(environment),
            tuple(sorted((day, int(most), int(with_text)) for day, most, with_text in found)),
        )
        for service, environment, found in rows
    )


def appeared(store: Store, scope: Scope, period: Weeks, scores: tuple[str, ...]) -> tuple[Appeared, ...]:
    """Releases, models, prompts and system prompts that came in the period, where these scores tell."""
    back = Weeks(max(0, period.from_s - LOOK_BACK_DAYS * DAY_S), period.to_s, period.service)
    rows = store.rows(
        _APPEARED,
        _bound(
            scope,
            back,
            scores=list(scores),
            dimensions=list(DIMENSIONS),
            since=period.from_s,
        ),
    )
    parts = (
        (service, environment, str(name).partition("="), day) for service, environment, name, day in rows
    )
    return tuple(
        Appeared(str(service), str(environment), dimension, unquote(value), day)
        for service, environment, (dimension, _, value), day in parts
    )


def scored_by(store: Store, scope: Scope, period: Weeks) -> tuple[ScoredBy, ...]:
    """Sets of scorer versions that scored interactions of the period, the earliest first."""
    rows = store.rows(_SCORED_BY, _bound(scope, period))
    return tuple(ScoredBy(str(versions), utc(first), utc(last)) for versions, first, last in rows)


def fired(store: Store, scope: Scope, period: Weeks) -> Fired:
    """Incidents of the period, as they stand now."""
    rows = store.rows(_FIRED, _bound(scope, period, limit=MOST_INCIDENTS))
    return Fired(tuple(str(body) for body, _ in rows), int(rows[0][1]) if rows else 0)


def _bound(scope: Scope, period: Weeks, **named: Any) -> dict[str, object]:
    return scope.bind(service=period.service, **named, **bounds(period, scope))
