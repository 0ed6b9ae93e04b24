"""What each service sends: how much of it is complete, and which scores it gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.outputs import COLUMNS
from dashboard.queries.store import Row, Scope, Store
from infra.lacks import ServiceFacts

LAST = 200
"""Calls of each service and dialect that are looked at, the latest ones."""
REACHES_S = (3_600, 86_400, 7 * 86_400)
"""How far back is looked; further only for services that sent fewer in the stretch before."""

_SENDING = """
SELECT
    service, environment, dialect, count(),
    countIf(text_absent = 'not captured by the app'), countIf(dropped_attributes > 0), countIf(truncated),
    countIf(hidden), countIf(sampling_probability < 1), countIf(clock_skew),
    min(start), max(start), anyLast(ifNull(response_model, request_model)), groupUniqArrayArray(100)(names)
FROM
(
    SELECT
        service, environment, dialect, text_absent, dropped_attributes, truncated, hidden,
        sampling_probability, clock_skew, start, response_model, request_model,
        arrayConcat(
            mapKeys(other_scores), mapKeys(other_categories),
            arrayFilter(name -> name != '', [$columns])
        ) AS names
    FROM interactions FINAL
    PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND start >= toDateTime({since:UInt32}, 'UTC')
        AND (service, environment, dialect) NOT IN {known:Array(Tuple(String, String, String))}
    WHERE NOT synthetic AND kind = 'inference'
    ORDER BY start DESC
    LIMIT {last:UInt32} BY service, environment, dialect
)
GROUP BY service, environment, dialect
ORDER BY service, environment, dialect
LIMIT 300
""".replace("$columns", ", ".join(f"if(isNotNull(score_{name}), '{name}', '')" for name in COLUMNS))


@dataclass(frozen=True, slots=True)
class Sending:
    """A service by one dialect: facts of its last calls, their times, and the scores some of them have."""

    environment: str
    facts: ServiceFacts
    first: datetime
    newest: datetime
    model: str
    scores: tuple[str, ...]


def sending(store: Store, scope: Scope) -> tuple[Sending, ...]:
    """Every service that sent a model call in the last 7 days of the lineage's clock."""
    found: dict[tuple[str, str, str], Sending] = {}
    known: list[tuple[str, str, str]] = []
    for reach_s in REACHES_S:
        bound = scope.bind(since=max(0, scope.now_s - reach_s), last=LAST, known=known)
        for row in store.rows(_SENDING, bound):
            name = str(row[0]), str(row[1]), str(row[2])
            found[name] = _sending(scope, row)
            if found[name].facts.n >= LAST:
                known.append(name)
    return tuple(found[name] for name in sorted(found))


def _sending(scope: Scope, row: Row) -> Sending:
    service, environment, dialect, *counts, first, newest, model, names = row
    facts = ServiceFacts(scope.tenant, service, dialect, *(int(n) for n in counts))
    return Sending(
        environment, facts, utc(first), utc(newest), str(model or ""), tuple(sorted(map(str, names)))
    )
