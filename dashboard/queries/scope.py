"""Which lineages exist, how their clocks stand, and whether anything is new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.formats import utc
from dashboard.queries.store import LIVE, Scope, Store

_LINEAGES = """
SELECT lineage, max(newest) AS newest, uniqExact(service, environment) AS services
FROM
(
    SELECT lineage, service, environment, toDateTime64(last_seen, 6, 'UTC') AS newest
    FROM series FINAL
    WHERE tenant = {tenant:String}
    UNION ALL
    SELECT lineage, service, environment, toDateTime64(updated_at, 6, 'UTC') AS newest
    FROM incidents FINAL
    WHERE tenant = {tenant:String}
    UNION ALL
    SELECT lineage, service, environment, toDateTime64(max(start), 6, 'UTC') AS newest
    FROM interactions
    WHERE tenant = {tenant:String} AND start >= toDateTime({recent:UInt32}, 'UTC')
    GROUP BY lineage, service, environment
)
GROUP BY lineage
ORDER BY lineage != 'live', newest DESC
LIMIT 100
"""

_PULSE = """
SELECT
    (
        SELECT sum(revision) FROM incidents FINAL
        WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    ) AS revisions,
    (
        SELECT max(last_seen) FROM series
        WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    ) AS newest
"""


@dataclass(frozen=True, slots=True)
class Lineage:
    """One lineage: its newest event time and how many services it has."""

    name: str
    newest: datetime
    services: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What changes when there is something new to see."""

    revisions: int
    newest: datetime | None


def lineages(store: Store, scope: Scope) -> tuple[Lineage, ...]:
    """Lineages of the tenant, ``live`` first, then the most recent."""
    rows = store.rows(_LINEAGES, scope.bind(recent=scope.now_s - 7200))
    return tuple(Lineage(name, utc(newest), services) for name, newest, services in rows)


def clock(known: tuple[Lineage, ...], scope: Scope, now: datetime) -> datetime:
    """Now, on the lineage's own clock: the wall clock for live records, else the newest event time."""
    newest = next((item.newest for item in known if item.name == scope.lineage), None)
    return now if scope.lineage == LIVE or newest is None else newest


def heartbeat(store: Store, scope: Scope) -> Heartbeat:
    """Cheap signs that something changed since a page was drawn."""
    revisions, newest = store.rows(_PULSE, scope.bind())[0]
    empty = newest is None or utc(newest) <= datetime(1970, 1, 2, tzinfo=UTC)
    return Heartbeat(int(revisions or 0), None if empty else utc(newest))
