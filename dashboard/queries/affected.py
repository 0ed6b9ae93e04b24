"""Whom an incident has reached, counted in the stored interactions from its onset on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.narrowed import COLUMNS, slice_condition, value_of
from dashboard.queries.store import Scope, SeriesKey, Store

_AFFECTED = """
SELECT
    count(), countIf(hit), uniqExactIf(user_id, hit), uniqExactIf(conversation_id, hit), maxIf(start, hit)
FROM
(
    SELECT start, user_id, conversation_id, $hit AS hit
    FROM interactions FINAL
    WHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND service = {service:String} AND environment = {environment:String}
        AND start >= toDateTime({from:UInt32}, 'UTC') AND start < toDateTime({to:UInt32}, 'UTC')
        AND NOT synthetic AND $where
)
LIMIT 1
"""

_FIRED = """
SELECT body
FROM incident_transitions FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND incident_id = {id:String}
    AND what IN ('fired', 'opened')
ORDER BY what != 'fired', seq
LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Affected:
    """Outputs of a slice, those that were hit, users and conversations among these; ``last`` is the newest.

    Who sends no user or conversation is not counted among them.
    """

    outputs: int
    hits: int
    users: int
    conversations: int
    last: datetime | None


def can_count(key: SeriesKey) -> bool:
    """Whether single interactions tell who is in a series: its unit and slice are those of interactions."""
    pairs = key.slice.split(",") if key.slice != "all" else []
    known = all((name := p.partition("="))[0] in COLUMNS and name[2] != "other" for p in pairs)
    return key.unit == "interaction" and known


def affected(store: Store, scope: Scope, key: SeriesKey, from_s: int, to_s: int, *, flag: bool) -> Affected:
    """Who is among the outputs of a series that began in ``[from_s, to_s)``, seconds since 1970.

    With ``flag`` those count that were flagged, else all that have the score.
    """
    value = value_of(key.score)
    hit = f"ifNull({value} >= 0.5, 0)" if flag else f"isNotNull({value})"
    where, given = slice_condition(key.slice)
    sql = _AFFECTED.replace("$hit", hit).replace("$where", where)
    bound = {**scope.bind(**key.bind(), **given), "from": from_s, "to": to_s}
    outputs, hits, users, conversations, last = store.rows(sql, bound)[0]
    return Affected(int(outputs), int(hits), int(users), int(conversations), utc(last) if hits else None)


def fired(store: Store, scope: Scope, incident_id: str) -> str | None:
    """The incident as it was when it fired, JSON; ``None`` if its history does not hold that."""
    rows = store.rows(_FIRED, scope.bind(id=incident_id))
    return str(rows[0][0]) if rows else None
