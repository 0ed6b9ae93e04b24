"""What people on call were told: incidents that fired, what is silenced, and how messages were delivered.

Incidents are on the clock of their lineage; silences and deliveries on the wall clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.store import Scope, Store

MOST_FIRED = 2_000
"""Incidents that are read, the latest ones."""

_FIRED = """
SELECT body
FROM incidents FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND fired_at >= toDateTime({since:UInt32}, 'UTC')
ORDER BY fired_at DESC
LIMIT {limit:UInt32}
"""

_SILENCES = """
SELECT
    silence_id, service, score, slice, severity, actor, reason, origin, matchers, made_at, begins_at, ends_at,
    (
        SELECT count() FROM incidents FINAL
        WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND state != 'resolved'
            AND JSONExtractString(body, 'silence') != ''
    ) AS covered
FROM silences FINAL
WHERE tenant = {tenant:String} AND in_force AND ends_at > toDateTime({wall:UInt32}, 'UTC')
    AND silence_id NOT IN
    (
        SELECT silence_id FROM silences FINAL WHERE tenant = {tenant:String} AND NOT in_force
    )
ORDER BY ends_at
LIMIT 500
"""

_DELIVERIES = """
SELECT
    receiver, count() AS messages, countIf(last = 'sent'), countIf(last = 'gave_up'),
    countIf(last NOT IN ('sent', 'gave_up')), sum(attempts) - count(), maxIf(moment, last = 'sent') AS newest,
    argMaxIf(why, moment, last != 'sent'), maxIf(moment, last != 'sent')
FROM
(
    SELECT
        receiver, dedup_key, argMax(outcome, (attempt, outcome != 'sending')) AS last,
        max(attempt) AS attempts, max(at) AS moment, argMax(reason, (attempt, outcome != 'sending')) AS why
    FROM notifications FINAL
    WHERE tenant = {tenant:String} AND at >= toDateTime({since:UInt32}, 'UTC')
        AND incident_id IN
        (
            SELECT incident_id FROM incidents FINAL
            WHERE tenant = {tenant:String} AND lineage = {lineage:String}
        )
    GROUP BY receiver, dedup_key
)
GROUP BY receiver
ORDER BY receiver
LIMIT 100
"""


@dataclass(frozen=True, slots=True)
class ActiveSilence:
    """A silence that has not ended; patterns are texts with ``*``.

    One that was made in an Alertmanager has ``matchers`` (JSON) instead, and its receiver as ``origin``.
    """

    silence_id: str
    service: str
    score: str
    slice: str
    severity: str
    actor: str
    reason: str
    origin: str
    matchers: str
    made: datetime
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Silenced:
    """Silences, and how many open incidents they cover in this lineage."""

    silences: tuple[ActiveSilence, ...]
    covered: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """Messages to one receiver by how they ended; ``trouble`` is the latest that did not arrive."""

    receiver: str
    messages: int
    sent: int
    gave_up: int
    waiting: int
    retries: int
    newest: datetime | None
    reason: str
    trouble: datetime | None


def fired(store: Store, scope: Scope, since_s: int) -> tuple[str, ...]:
    """Incidents that fired since then, the latest first, each as the alerts service's JSON."""
    return tuple(str(body) for (body,) in store.rows(_FIRED, scope.bind(since=since_s, limit=MOST_FIRED)))


def silences(store: Store, scope: Scope, wall_s: int) -> Silenced:
    """Silences that have not ended, the one that ends next first."""
    rows = store.rows(_SILENCES, scope.bind(wall=wall_s))
    found = tuple(ActiveSilence(*row[:9], *(utc(at) for at in row[9:12])) for row in rows)
    return Silenced(found, int(rows[0][12]) if rows else 0)


def deliveries(store: Store, scope: Scope, since_s: int) -> tuple[Delivered, ...]:
    """How messages of the last time fared, by receiver."""
    rows = store.rows(_DELIVERIES, scope.bind(since=since_s))
    return tuple(
        Delivered(receiver, n, sent, gave_up, waiting, retries, _known(newest), why or "", _known(trouble))
        for receiver, n, sent, gave_up, waiting, retries, newest, why, trouble in rows
    )


def _known(at: datetime) -> datetime | None:
    return None if utc(at).year < 1971 else utc(at)
