"""What each service sends: how much of it is complete, and which scores it gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.outputs import COLUMNS
from dashboard.queries.store import Scope, Store
from infra.lacks import ServiceFacts

LAST = 200
"""Calls of each service and dialect that are looked at, the latest ones."""
REACH_S = 7 * 86_400

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
    WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND NOT synthetic
        AND kind = 'inference' AND start >= toDateTime({since:UInt32}, 'UTC')
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
    rows = store.rows(_SENDING, scope.bind(since=max(0, scope.now_s - REACH_S), last=LAST))
    out = []
    for service, environment, dialect, *counts, first, newest, model, names in rows:
        facts = ServiceFacts(scope.tenant, service, dialect, *(int(n) for n in counts))
        out.append(
            Sending(
                environment, facts, utc(first), utc(newest), str(model or ""), tuple(sorted(map(str, names)))
            )
        )
    return tuple(out)
