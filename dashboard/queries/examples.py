"""Interactions to look at: those that carry a change, and ones like them from before it.

Texts were redacted before they were stored. They are cut in the store, so a huge one never travels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import unquote

from dashboard.formats import utc
from dashboard.queries.judged import MOST, REACH_S, Said, is_judged, said_of, spans_of
from dashboard.queries.store import Row, Scope, SeriesKey, Store, shows_text
from detectors.scorers.judgement import NUMBER

MAX_TEXT = 800
"""Characters of a text that are read; one more says that it was cut."""

MAX_SAID = 4
"""Judgements of an interaction that are shown, the latest ones."""

_COLUMNS = {
    "language": "language",
    "provider": "provider",
    "request_model": "request_model",
    "response_model": "response_model",
    "release": "release",
    "prompt_version": "prompt_version",
    "system_prompt": "system_prompt_hash",
    "operation": "operation",
    "agent_name": "agent_name",
}
"""Dimension of a slice -> column; nothing else ever becomes part of a statement."""

_NUMBERS = frozenset(
    {
        "secrets",
        "secrets_prompt",
        "pii",
        "pii_prompt",
        "refusal",
        "error",
        "truncated",
        "degenerate",
        "repetition",
        "output_length",
        "prompt_length",
    }
)
"""Scores with a column ``score_<name>``."""
_PLAIN = {
    "latency_s": "duration_s",
    "time_to_first_chunk_s": "time_to_first_chunk_s",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
}
"""Scores whose value is a column of the interaction."""
_CATEGORIES = frozenset({"language", "output_language", "finish_reason"})

_ROWS = """
SELECT
    start, trace_id, span_id, service_version, release, prompt_version, language, output_language,
    request_model, response_model, finish_reason, error_type, text_absent,
    $prompt_from AS prompt_from, substringUTF8(ifNull(input_text, ''), prompt_from, {max_text:UInt32} + 1),
    $output_from AS output_from, substringUTF8(ifNull(output_text, ''), output_from, {max_text:UInt32} + 1),
    substringUTF8(ifNull(error_message, ''), 1, 300),
    toFloat64OrNull(toString($value)) AS value,
    input_text IS NULL AND output_text IS NULL AS empty
FROM interactions FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND service = {service:String} AND environment = {environment:String}
    AND start >= toDateTime({earliest:UInt32}, 'UTC') AND start < toDateTime({to:UInt32}, 'UTC')
    AND NOT synthetic
    AND $where
ORDER BY $order
LIMIT 1 BY ifNull(conversation_id, trace_id)
LIMIT {limit:UInt32}
"""

_NEAR_A_MARK = r"""
greatest(1, toInt64(positionUTF8(ifNull($text, ''),
    extract(ifNull($text, ''), '\\[[a-z_]{1,40}:[0-9a-f]{16}\\]'))) - 240)
"""
"""A little before the first mark of redaction, which a score about redacted values is about."""
_REDACTED = frozenset({"secrets", "secrets_prompt", "pii", "pii_prompt"})

_TRACES = """
(trace_id IN
(
    SELECT trace_id FROM traces FINAL
    WHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND service = {service:String} AND environment = {environment:String}
        AND start >= toDateTime({from:UInt32}, 'UTC') AND start < toDateTime({to:UInt32}, 'UTC')
        AND mapContains(scores, {score:String}) AND $where
    ORDER BY scores[{score:String}] $direction, start DESC
    LIMIT 20
))
"""


@dataclass(frozen=True, slots=True)
class Example:
    """One interaction. Absent texts are ``None``; ``text_absent`` says why."""

    at: datetime
    trace_id: str
    span_id: str
    facts: tuple[tuple[str, str], ...]
    prompt: str | None
    output: str | None
    error: str | None
    text_absent: str | None
    value: float | None
    language: str | None
    output_language: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which interactions: seconds since 1970, and what counts as carrying the change.

    ``hit`` asks for (or, ``False``, against) flagged ones; ``category`` for (or against) one name;
    ``rising`` orders numbers from the top.
    """

    from_s: int
    to_s: int
    kind: str
    hit: bool
    rising: bool = True
    category: str = ""
    limit: int = 3


@shows_text
def examples(
    store: Store,
    scope: Scope,
    key: SeriesKey,
    wanted: Wanted,
) -> tuple[Example, ...]:
    """At most ``wanted.limit`` interactions of different conversations, those that carry the change first."""
    where, bound = _slice(key.slice)
    value = _value(key.score)
    order = "start DESC"
    earliest, limit = wanted.from_s, min(wanted.limit, 20)
    if is_judged(key.score):
        judged, more = spans_of(key.score, rising=wanted.rising if wanted.hit else None, category=wanted.hit)
        where, bound, value = f"{where} AND {judged}", {**bound, **more}, "NULL"
        earliest, limit = max(earliest - REACH_S, 0), MOST
    elif key.unit == "trace":
        direction = "DESC" if wanted.rising == wanted.hit else "ASC"
        traces = _TRACES.replace("$where", where).replace("$direction", direction)
        value, where = "NULL", traces
    elif key.unit == "conversation":
        value = "NULL"  # stage 2 knows conversations by a hash alone: calls of that time stand for them
    elif wanted.kind == "flag":
        where += f" AND {value} {'>=' if wanted.hit else '<'} 0.5"
    elif wanted.kind == "category":
        where += f" AND {value} {'=' if wanted.hit else '!='} {{category:String}}"
    else:
        where += f" AND isNotNull({value})"
        if wanted.hit:
            order = f"{value} {'DESC' if wanted.rising else 'ASC'}, start DESC"
    starts = dict.fromkeys(("input_text", "output_text"), "1")
    if key.score in _REDACTED:
        starts = {side: _NEAR_A_MARK.replace("$text", side) for side in starts}
    sql = _ROWS.replace("$where", where).replace("$order", order).replace("$value", value)
    sql = sql.replace("$prompt_from", starts["input_text"]).replace("$output_from", starts["output_text"])
    rows = store.rows(
        sql,
        scope.bind(
            **key.bind(),
            **bound,
            category=wanted.category,
            limit=limit,
            max_text=MAX_TEXT,
            earliest=earliest,
            **{"from": wanted.from_s, "to": wanted.to_s},
        ),
    )
    found = [_example(row) for row in rows]
    said = said_of(store, scope, ((e.trace_id, e.span_id) for e in found))
    found = [_with_said(e, said.get((e.trace_id, e.span_id), ()), key.score) for e in found]
    if is_judged(key.score) and wanted.hit:
        found.sort(key=lambda e: e.value or 0.0, reverse=wanted.rising)
    return tuple(found[: wanted.limit])


def _with_said(example: Example, said: Sequence[Said], score: str) -> Example:
    """An example with what was said of it; of a judgement's score, with its number."""
    facts = tuple(("judged", s.text) for s in said[:MAX_SAID])
    value = next((s.value for s in said if s.value is not None and score == NUMBER + s.name), example.value)
    return replace(example, facts=(*example.facts, *facts), value=value)


def _value(score: str) -> str:
    if score in _NUMBERS:
        return f"score_{score}"
    if score in _PLAIN:
        return _PLAIN[score]
    if score in _CATEGORIES:
        return score
    return "if(mapContains(other_scores, {score:String}), other_scores[{score:String}], NULL)"


def _slice(text: str) -> tuple[str, dict[str, object]]:
    """Condition and parameters of a slice; dimensions without a column, and ``other``, do not narrow it."""
    conditions = ["1"]
    bound: dict[str, object] = {}
    for i, pair in enumerate(text.split(",") if text != "all" else []):
        dimension, _, value = pair.partition("=")
        if dimension in _COLUMNS and value != "other":
            conditions.append(f"substringUTF8(toString({_COLUMNS[dimension]}), 1, 64) = {{slice{i}:String}}")
            bound[f"slice{i}"] = unquote(value)
    return " AND ".join(conditions), bound


def _example(row: Row) -> Example:
    (
        start,
        trace_id,
        span_id,
        version,
        release,
        prompt_version,
        language,
        output_language,
        request_model,
        response_model,
        finish_reason,
        error_type,
        text_absent,
        prompt_from,
        prompt,
        output_from,
        output,
        error_message,
        value,
        empty,
    ) = row
    facts = (
        ("language", language),
        ("model", response_model or request_model),
        ("prompt", prompt_version),
        ("release", release or version),
        ("finish", finish_reason),
        ("error", error_type),
    )
    return Example(
        utc(start),
        trace_id,
        span_id,
        tuple((name, str(fact)) for name, fact in facts if fact),
        _from(prompt, prompt_from),
        _from(output, output_from),
        error_message or error_type or None,
        (text_absent or "expired") if empty and (text_absent or not error_type) else text_absent,
        value,
        language,
        output_language,
    )


def _from(text: str, start: int) -> str | None:
    """A text that begins in the middle says so."""
    return f"…{text}" if text and start > 1 else text or None
