"""Incidents as they stand, their history, what was sent about them, and how far to trust their detector.

Times of incidents are on the clock of their lineage; those of deliveries on the wall clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.formats import utc
from dashboard.queries.store import Row, Scope, Store

_CURRENT = """
SELECT
    incident_id, state, evidence, ending, severity, acknowledged_by, service, environment, headline, runbook,
    body, opened_at, updated_at, fired_at, resolved_at
FROM incidents FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND (
        state IN ('pending', 'firing', 'recovering')
        OR (state = 'resolved' AND updated_at >= toDateTime({since:UInt32}, 'UTC'))
    )
ORDER BY state = 'resolved', severity != 'page', updated_at DESC
LIMIT 200
"""

_ONE = """
SELECT
    incident_id, state, evidence, ending, severity, acknowledged_by, service, environment, headline, runbook,
    body, opened_at, updated_at, fired_at, resolved_at
FROM incidents FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND incident_id = {id:String}
LIMIT 1
"""

_ELSEWHERE = """
SELECT lineage
FROM incidents FINAL
WHERE tenant = {tenant:String} AND incident_id = {id:String}
LIMIT 1
"""

_HISTORY = """
SELECT
    t.seq, t.at, t.what, t.state, t.evidence, t.ending, t.severity, t.actor, t.reason,
    groupArray(5)((d.receiver, d.last))
FROM
(
    SELECT * FROM incident_transitions FINAL
    WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND incident_id = {id:String}
) AS t
LEFT JOIN
(
    SELECT dedup_key, receiver, argMax(outcome, (attempt, outcome != 'sending')) AS last
    FROM notifications FINAL
    WHERE tenant = {tenant:String} AND incident_id = {id:String}
    GROUP BY dedup_key, receiver
) AS d ON d.dedup_key = concat(t.incident_id, '-', toString(t.seq))
GROUP BY t.seq, t.at, t.what, t.state, t.evidence, t.ending, t.severity, t.actor, t.reason
ORDER BY t.seq DESC
LIMIT 200
"""

_TRUST = """
SELECT countIf(ending = 'false_alarm'), count()
FROM incidents FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND score = {score:String}
    AND opened_at >= toDateTime({since:UInt32}, 'UTC')
"""

_PAGES = """
SELECT countIf(ending = 'false_alarm'), count()
FROM incidents FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND severity = 'page'
    AND fired_at >= toDateTime({since:UInt32}, 'UTC')
"""

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class StoredIncident:
    """The newest row of an incident. ``body`` is JSON."""

    incident_id: str
    state: str
    evidence: str
    ending: str | None
    severity: str
    acknowledged_by: str | None
    service: str
    environment: str
    headline: str
    runbook: str
    body: str
    opened: datetime
    changed: datetime
    fired: datetime | None
    resolved: datetime | None


@dataclass(frozen=True, slots=True)
class Moment:
    """One transition, and who was told of it: (receiver, newest outcome)."""

    seq: int
    at: datetime
    what: str
    state: str
    evidence: str
    ending: str | None
    severity: str
    actor: str
    reason: str
    told: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Trust:
    """``false_alarms`` of ``incidents`` were called false alarms by a person."""

    false_alarms: int
    incidents: int


def _incident(row: Row) -> StoredIncident:
    values: list[Any] = [utc(value) if isinstance(value, datetime) else value for value in row]
    return StoredIncident(*values)


def current(store: Store, scope: Scope, ended_days: int = 30) -> tuple[StoredIncident, ...]:
    """Open incidents, pages first, then those that ended within ``ended_days``; at most 200."""
    rows = store.rows(_CURRENT, scope.bind(since=scope.now_s - ended_days * DAY_S))
    return tuple(_incident(row) for row in rows)


def one(store: Store, scope: Scope, incident_id: str) -> StoredIncident | None:
    """The incident with this id, whatever its state; ``None`` if there is none in this scope."""
    rows = store.rows(_ONE, scope.bind(id=incident_id)) if incident_id else []
    return _incident(rows[0]) if rows else None


def elsewhere(store: Store, scope: Scope, incident_id: str) -> str | None:
    """The lineage of this tenant that has the incident, for links that do not name theirs."""
    rows = store.rows(_ELSEWHERE, scope.bind(id=incident_id)) if incident_id else []
    return str(rows[0][0]) if rows else None


def history(store: Store, scope: Scope, incident_id: str) -> tuple[Moment, ...]:
    """Its last 200 transitions, oldest first."""
    rows = store.rows(_HISTORY, scope.bind(id=incident_id))
    out = []
    for seq, at, what, state, evidence, ending, severity, actor, reason, told in reversed(rows):
        sent = tuple((receiver, outcome) for receiver, outcome in told if receiver)
        out.append(Moment(seq, utc(at), what, state, evidence, ending, severity, actor, reason, sent))
    return tuple(out)


def trust(store: Store, scope: Scope, score: str, days: int = 90) -> Trust:
    """How often incidents of this score were false alarms in the last ``days``."""
    return Trust(*store.rows(_TRUST, scope.bind(score=score, since=scope.now_s - days * DAY_S))[0])


def pages(store: Store, scope: Scope, days: int = 30) -> Trust:
    """How many pages there were in the last ``days``, and how many a person called false."""
    return Trust(*store.rows(_PAGES, scope.bind(since=scope.now_s - days * DAY_S))[0])
