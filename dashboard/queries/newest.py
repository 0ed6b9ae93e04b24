"""The newest calls as they are stored, and all spans of a trace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.store import Row, Scope, Store, shows_text

SHOWN = 10
REACHES_S = (120, 3_600, 7 * 86_400)
"""How far back is looked; further only where fewer than `SHOWN` calls came in the stretch before."""
MOST_SPANS = 400
MOST_CALLS = 50
MAX_TEXT = 20_000

_COLUMNS = """
    start, service, environment, ifNull(operation, toString(kind)),
    ifNull(response_model, ifNull(request_model, '')), duration_s, input_tokens, output_tokens,
    if(isNotNull(error_type) OR ifNull(score_error, 0) > 0, ifNull(error_type, 'failed'), ''),
    ifNull(finish_reason, ''), ifNull(text_absent, ''), trace_id, span_id
"""
_NEWEST = f"""
SELECT {_COLUMNS}
FROM interactions FINAL
PREWHERE tenant = {{tenant:String}} AND lineage = {{lineage:String}}
    AND start >= toDateTime({{since:UInt32}}, 'UTC')
ORDER BY received_at DESC, start DESC, span_id
LIMIT {{limit:UInt32}}
"""  # noqa: S608 - our own columns
_OF_TRACE = f"""
SELECT {_COLUMNS}
FROM interactions FINAL
WHERE tenant = {{tenant:String}} AND lineage = {{lineage:String}} AND trace_id = {{trace:String}}
ORDER BY start, span_id
LIMIT {{limit:UInt32}}
"""  # noqa: S608 - our own columns
_STEPS = """
SELECT
    start, toString(kind), if(ifNull(tool_name, '') != '', ifNull(tool_name, ''), name), duration_s, error,
    span_id
FROM context_spans FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND trace_id = {trace:String}
ORDER BY start, span_id
LIMIT {limit:UInt32}
"""
_TEXTS = """
SELECT
    span_id,
    substringUTF8(ifNull(system_prompt, ''), 1, {most:UInt32}),
    substringUTF8(ifNull(input_text, ''), 1, {most:UInt32}),
    substringUTF8(ifNull(output_text, ''), 1, {most:UInt32}),
    if(tool_calls = '[]', '', substringUTF8(tool_calls, 1, {most:UInt32})),
    substringUTF8(ifNull(error_message, ''), 1, {most:UInt32})
FROM interactions FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND trace_id = {trace:String}
ORDER BY start, span_id
LIMIT {limit:UInt32}
"""


@dataclass(frozen=True, slots=True)
class NewCall:
    """A stored call without its texts. ``error`` and ``finish_reason`` are empty where there is none."""

    start: datetime
    service: str
    environment: str
    operation: str
    model: str
    took_s: float | None
    input_tokens: int | None
    output_tokens: int | None
    error: str
    finish_reason: str
    text_absent: str
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """A span around calls."""

    start: datetime
    kind: str
    name: str
    took_s: float
    failed: bool
    span_id: str


@dataclass(frozen=True, slots=True)
class CallTexts:
    """What was asked and answered, redacted; empty where nothing is kept."""

    span_id: str
    system: str
    prompt: str
    output: str
    tool_calls: str
    error: str


def newest(store: Store, scope: Scope) -> tuple[NewCall, ...]:
    """The calls that were stored last, the newest first."""
    found: tuple[NewCall, ...] = ()
    for reach_s in REACHES_S:
        bound = scope.bind(since=max(0, scope.now_s - reach_s), limit=SHOWN)
        found = tuple(map(_call, store.rows(_NEWEST, bound)))
        if len(found) == SHOWN:
            break
    return found


def spans(store: Store, scope: Scope, trace_id: str) -> tuple[tuple[NewCall, ...], tuple[TraceSpan, ...]]:
    """The calls of a trace and the spans around them, each in order of their begin."""
    calls = store.rows(_OF_TRACE, scope.bind(trace=trace_id, limit=MOST_CALLS))
    steps = store.rows(_STEPS, scope.bind(trace=trace_id, limit=MOST_SPANS))
    return (
        tuple(map(_call, calls)),
        tuple(
            TraceSpan(utc(start), kind, name, float(took_s), bool(failed), span_id)
            for start, kind, name, took_s, failed, span_id in steps
        ),
    )


@shows_text
def call_texts(store: Store, scope: Scope, trace_id: str) -> tuple[CallTexts, ...]:
    """The texts of a trace's calls, in order of their begin."""
    bound = scope.bind(trace=trace_id, limit=MOST_CALLS, most=MAX_TEXT)
    return tuple(CallTexts(*map(str, row)) for row in store.rows(_TEXTS, bound))


def _call(row: Row) -> NewCall:
    start, service, environment, operation, model, took_s, asked, answered, *rest = row
    return NewCall(
        utc(start), service, environment, operation, model, took_s, asked, answered, *map(str, rest)
    )
