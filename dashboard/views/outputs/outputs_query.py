"""What stands around one interaction: the rest of its conversation, and the steps of its run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.examples import MAX_TEXT, ROWS, Example, example_of
from dashboard.queries.store import Row, Scope, Store, shows_text

REACH_S = 86_400
"""Parts of a conversation or run that began longer before or after are not shown."""
MOST_TURNS = 20
MOST_STEPS = 400
MAX_ARGUMENTS = 300

_ONE = """
SELECT service, environment, toUInt32(toUnixTimestamp(start)), ifNull(conversation_id, '')
FROM interactions FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND trace_id = {trace:String} AND span_id = {span:String}
LIMIT 1
"""

_STEPS = """
SELECT span_id, parent, what, name, said, begin, took, failed
FROM
(
    SELECT
        span_id, ifNull(parent_span_id, '') AS parent, toString(kind) AS what,
        if(ifNull(tool_name, '') != '', ifNull(tool_name, ''), name) AS name,
        substringUTF8(ifNull(tool_arguments, ''), 1, {most:UInt32} + 1) AS said,
        start AS begin, duration_s AS took, error AS failed
    FROM context_spans FINAL
    WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND trace_id = {trace:String}
        AND start >= toDateTime({from:UInt32}, 'UTC') AND start < toDateTime({to:UInt32}, 'UTC')
    UNION ALL
    SELECT
        span_id, ifNull(parent_span_id, ''), 'model',
        ifNull(response_model, ifNull(request_model, ifNull(operation, ''))),
        substringUTF8(ifNull(output_text, ''), 1, {most:UInt32} + 1),
        start, ifNull(duration_s, 0), isNotNull(error_type)
    FROM interactions FINAL
    WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND trace_id = {trace:String}
        AND start >= toDateTime({from:UInt32}, 'UTC') AND start < toDateTime({to:UInt32}, 'UTC')
)
ORDER BY begin, span_id
LIMIT 400
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One span of a run. ``said`` is a tool's arguments or a model's words, redacted and cut."""

    span_id: str
    parent: str
    what: str
    name: str
    said: str
    begin: datetime
    took_s: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Context:
    """The turns of its conversation, oldest first, and the steps of its run in order of their begin."""

    service: str
    environment: str
    turns: tuple[Example, ...]
    steps: tuple[Step, ...]


@shows_text
def context(store: Store, scope: Scope, trace_id: str, span_id: str) -> Context | None:
    """What stands around an interaction; ``None`` if there is none of that name in this scope."""
    found = store.rows(_ONE, scope.bind(trace=trace_id, span=span_id))
    if not found:
        return None
    service, environment, at_s, conversation_id = found[0]
    around = {"from": max(0, at_s - REACH_S), "to": at_s + REACH_S}
    steps = store.rows(_STEPS, scope.bind(trace=trace_id, most=MAX_ARGUMENTS, **around))
    turns: tuple[Example, ...] = ()
    if conversation_id:
        turns = _turns(store, scope, (service, environment), conversation_id, around)
    return Context(service, environment, turns, tuple(_step(row) for row in steps))


def _step(row: Row) -> Step:
    span_id, parent, what, name, said, begin, took_s, failed = row
    return Step(span_id, parent, what, name, said, utc(begin), took_s, bool(failed))


def _turns(
    store: Store, scope: Scope, place: tuple[str, str], conversation_id: str, around: dict[str, int]
) -> tuple[Example, ...]:
    sql = (
        ROWS.replace("$where", "conversation_id = {conversation:String}")
        .replace("$order", "start")
        .replace("$value", "NULL")
        .replace("$prompt_from", "1")
        .replace("$output_from", "1")
        .replace("LIMIT 1 BY ifNull(conversation_id, trace_id)\n", "")
    )
    bound = scope.bind(service=place[0], environment=place[1], conversation=conversation_id)
    rows = store.rows(
        sql,
        {**bound, "earliest": around["from"], "to": around["to"], "limit": MOST_TURNS, "max_text": MAX_TEXT},
    )
    return tuple(example_of(row) for row in rows)
