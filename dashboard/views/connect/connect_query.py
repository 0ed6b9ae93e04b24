"""What each service sends: how much of it is complete, and which scores it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.store import Row, Scope, Store
from detectors.schema import SCORE_COLUMNS
from infra.missing_instrumentation import ServiceFacts, UnseenCalls

Sender = tuple[str, str, str]
"""Service, environment, dialect."""

LAST = 200
"""Calls of each service and dialect that are looked at, the latest ones."""
REACHES_S = (3_600, 86_400, 7 * 86_400)
"""How far back is looked; further only for services that sent fewer in the stretch before."""

_WHO = """
SELECT service, environment, dialect
FROM interactions
PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND start >= toDateTime({since:UInt32}, 'UTC')
GROUP BY service, environment, dialect
LIMIT 1000
"""
"""Who sent anything: three short columns, where `_SENDING` reads some sixty."""

_SENDING = """
SELECT
    service, environment, dialect, count(),
    countIf(text_absent = 'not captured by the app' AND NOT failed), countIf(dropped_attributes > 0),
    countIf(truncated), countIf(hidden), countIf(sampling_probability < 1), countIf(clock_skew),
    topK(1)(scope)[1], topK(1)(sdk_language)[1],
    min(start), max(start), anyLast(ifNull(response_model, request_model)), groupUniqArrayArray(100)(names)
FROM
(
    SELECT
        service, environment, dialect, scope, sdk_language, text_absent, dropped_attributes, truncated,
        hidden, sampling_probability, clock_skew, start, response_model, request_model,
        isNotNull(error_type) OR ifNull(score_error, 0) > 0 AS failed,
        arrayConcat(
            mapKeys(other_scores), mapKeys(other_categories),
            arrayFilter(name -> name != '', [$columns])
        ) AS names
    FROM interactions FINAL
    PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND start >= toDateTime({since:UInt32}, 'UTC')
        AND ({all:Bool} OR (service, environment, dialect) IN {wanted:Array(Tuple(String, String, String))})
    WHERE NOT synthetic AND kind = 'inference'
    ORDER BY start DESC
    LIMIT {last:UInt32} BY service, environment, dialect
)
GROUP BY service, environment, dialect
ORDER BY service, environment, dialect
LIMIT 300
""".replace("$columns", ", ".join(f"if(isNotNull(score_{name}), '{name}', '')" for name in SCORE_COLUMNS))


_WITHOUT_CALLS = """
SELECT service, count() FROM
(
    SELECT DISTINCT service, trace_id FROM context_spans
    WHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND kind != 'duplicate' AND attributes['synthetic'] = ''
        AND start >= toDateTime({since:UInt32}, 'UTC') AND start < toDateTime({until:UInt32}, 'UTC')
    LIMIT 100000
)
WHERE service NOT IN
    (SELECT service FROM interactions WHERE tenant = {tenant:String} AND lineage = {lineage:String}
     AND start >= toDateTime({week:UInt32}, 'UTC'))
GROUP BY service
HAVING countIf(trace_id IN
    (SELECT trace_id FROM interactions WHERE tenant = {tenant:String} AND lineage = {lineage:String}
     AND start >= toDateTime({before:UInt32}, 'UTC'))) = 0
ORDER BY service
LIMIT 50
"""
_WITHOUT_SPANS = """
SELECT service, count() FROM
(
    SELECT DISTINCT service, record_hash FROM content_records
    WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND span_id = ''
        AND event_name IN ('gen_ai.client.inference.operation.details', 'gen_ai.client.operation.details')
        AND at >= toDateTime({since:UInt32}, 'UTC') AND at < toDateTime({until:UInt32}, 'UTC')
        AND substring(record_hash, 1, 16) NOT IN
            (SELECT span_id FROM interactions
             WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND source_topic = 'otlp_logs'
                 AND start >= toDateTime({before:UInt32}, 'UTC'))
        AND JSONExtractString(body, 'attributes', 'gen_ai.response.id') NOT IN
            (SELECT ifNull(response_id, '-') FROM interactions
             WHERE tenant = {tenant:String} AND lineage = {lineage:String}
                 AND start >= toDateTime({before:UInt32}, 'UTC'))
    LIMIT 100000
)
GROUP BY service
ORDER BY service
LIMIT 50
"""
UNDER_WAY_S = 120
"""Calls of traces that began since may not have come yet."""


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
    found: dict[Sender, Sending] = {}
    for reach_s in REACHES_S:
        since = max(0, scope.now_s - reach_s)
        wanted: list[Sender] = []
        if found:
            senders = {_sender(row) for row in store.rows(_WHO, scope.bind(since=since))}
            wanted = sorted(senders - {name for name, one in found.items() if one.facts.n >= LAST})
            if not wanted:
                continue
        bound = scope.bind(since=since, last=LAST, all=not found, wanted=wanted)
        found |= {_sender(row): _sending(scope, row) for row in store.rows(_SENDING, bound)}
    return tuple(found[name] for name in sorted(found))


def silent(store: Store, scope: Scope) -> tuple[UnseenCalls, ...]:
    """Services that sent in the last day of the lineage's clock and of which no call is seen."""
    day, now = 86_400, scope.now_s
    bound = scope.bind(
        since=max(0, now - day),
        before=max(0, now - 2 * day),
        week=max(0, now - 7 * day),
        until=max(0, now - UNDER_WAY_S),
    )
    found = [UnseenCalls(scope.tenant, str(s), traces=int(n)) for s, n in store.rows(_WITHOUT_CALLS, bound)]
    events = scope.bind(since=bound["since"], before=bound["before"], until=bound["until"])
    found += [UnseenCalls(scope.tenant, str(s), events=int(n)) for s, n in store.rows(_WITHOUT_SPANS, events)]
    return tuple(found)


def _sender(row: Row) -> Sender:
    service, environment, dialect, *_ = map(str, row)
    return service, environment, dialect


def _sending(scope: Scope, row: Row) -> Sending:
    service, environment, dialect, *counts, by, language, first, newest, model, names = row
    counted = ServiceFacts(scope.tenant, service, dialect, *(int(n) for n in counts))
    facts = replace(counted, scope=str(by), sdk_language=str(language))
    return Sending(
        environment, facts, utc(first), utc(newest), str(model or ""), tuple(sorted(map(str, names)))
    )
