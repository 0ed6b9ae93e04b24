"""What detection watches, what it may have raised for nothing, and what became of what it raised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.formats import utc
from dashboard.queries.store import Row, Scope, Store

_WATCHING = """
SELECT
    service, environment, unit, score, any(kind), countIf(state = 'learning'), countIf(state = 'watching'),
    countIf(state = 'stale'), countIf(state = 'accepted'),
    argMaxIf(state, generation, slice = 'all'), argMaxIf(evidence, generation, slice = 'all'),
    argMaxIf(threshold, generation, slice = 'all'), argMaxIf(baseline_version, generation, slice = 'all'),
    argMaxIf(n_baseline, generation, slice = 'all'), argMaxIf(detectable_1d, generation, slice = 'all'),
    argMaxIf(detectable_unit, generation, slice = 'all'), argMaxIf(ready_at, generation, slice = 'all'),
    maxIf(last_seen, slice = 'all'),
    ifNull(sumIf(
        exp(-threshold) * greatest(
            0, toFloat64(least(toUnixTimestamp(last_seen), {now:UInt32}))
            - greatest(toUnixTimestamp(assumeNotNull(watching_since)), {since:UInt32})
        ),
        isNotNull(threshold) AND isNotNull(watching_since)
    ), 0)
FROM series FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
GROUP BY service, environment, unit, score
ORDER BY service, environment, unit, score
LIMIT 4000
"""

_RECORD = """
SELECT
    service, environment, score, severity, count(), countIf(state != 'resolved'),
    countIf(ending = 'false_alarm'), countIf(ending = 'withdrawn'), countIf(ending = 'accepted'),
    countIf(ending = 'recovered'), countIf(ending = 'superseded'), max(opened_at)
FROM incidents FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND opened_at >= toDateTime({since:UInt32}, 'UTC') AND fired_at IS NOT NULL
GROUP BY service, environment, score, severity
ORDER BY service, environment, score, severity
LIMIT 4000
"""

_REGISTERED = """
SELECT environment, service, min(first_seen) AS since
FROM series FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND service != {several:String}
GROUP BY environment, service
ORDER BY since, environment, service
LIMIT 4000
"""

_RUN = """
SELECT config_hash, JSONExtractString(body, 'engine'), written_at
FROM run_configs
ORDER BY written_at DESC
LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Watching:
    """One score of a service. States of its series; then facts of the whole (slice ``all``).

    ``weight`` is the sum over its series of exp(-threshold) times the seconds watched in the window: divided
    by the seconds of a tick, what one channel of each may have raised for nothing. ``evidence`` and
    ``threshold`` are natural logarithms.
    """

    service: str
    environment: str
    unit: str
    score: str
    kind: str
    learning: int
    watching: int
    stale: int
    accepted: int
    state: str
    evidence: float | None
    threshold: float | None
    baseline_version: str | None
    n_baseline: int
    detectable_1d: float | None
    detectable_unit: str | None
    ready_at: datetime | None
    last_seen: datetime
    weight: float


@dataclass(frozen=True, slots=True)
class Record:
    """What fired of one score and severity, and how it ended."""

    service: str
    environment: str
    score: str
    severity: str
    fired: int
    open: int
    false_alarm: int
    withdrawn: int
    accepted: int
    recovered: int
    superseded: int
    newest: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """What detection runs with: the newest it wrote down."""

    config_hash: str
    engine: str
    since: datetime


def watching(store: Store, scope: Scope, since_s: int) -> tuple[Watching, ...]:
    """Every score of every service; the window of ``weight`` is from ``since_s`` to the scope's clock."""
    rows = store.rows(_WATCHING, scope.bind(since=since_s, now=scope.now_s))
    return tuple(Watching(*_row(row)) for row in rows)


def _row(row: Row) -> list[Any]:
    return [utc(value) if isinstance(value, datetime) else value for value in row]


def record(store: Store, scope: Scope, since_s: int) -> tuple[Record, ...]:
    """How incidents that opened since then ended, by score and severity."""
    rows = store.rows(_RECORD, scope.bind(since=since_s))
    return tuple(Record(*_row(row)) for row in rows)


def registered(store: Store, scope: Scope, several: str) -> tuple[tuple[str, str], ...]:
    """(environment, service) in order of registration; ``several`` names what is of all services."""
    rows = store.rows(_REGISTERED, scope.bind(several=several))
    return tuple((environment, service) for environment, service, _ in rows)


def run(store: Store, scope: Scope) -> Run | None:
    """What detection runs with, for all tenants; ``None`` if it never ran."""
    del scope
    rows = store.rows(_RUN, {})
    return Run(str(rows[0][0]), str(rows[0][1]), utc(rows[0][2])) if rows else None
