"""Interactions to look at: those that carry a change, and ones like them from before it.

Texts were redacted before they were stored. They are cut in the store, so a huge one never travels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.evaluations import MOST, REACH_S, Evaluations, evaluations_of, is_evaluated, spans_of
from dashboard.queries.narrowed import Narrow, condition, value_of
from dashboard.queries.store import Row, Scope, SeriesKey, Store, shows_text
from detectors.schema import slice_condition
from detectors.scorers.judgement import NUMBER

MAX_TEXT = 800
"""Characters of a text that are read; one more says that it was cut."""

STORED = "interactions FINAL"

MAX_SAID = 4
"""Judgements of an interaction that are shown, the latest ones."""

_OF_SERVICE = """
    tenant = {tenant:String} AND lineage = {lineage:String}
    AND service = {service:String} AND environment = {environment:String}
    AND start >= toDateTime({earliest:UInt32}, 'UTC') AND start < toDateTime({to:UInt32}, 'UTC')
    AND NOT synthetic
"""

ROWS = """
SELECT
    start, trace_id, span_id, service_version, release, prompt_version, language, output_language,
    request_model, response_model, finish_reason, error_type, text_absent,
    $prompt_from AS prompt_from, substringUTF8(ifNull(input_text, ''), prompt_from, {max_text:UInt32} + 1),
    $output_from AS output_from, substringUTF8(ifNull(output_text, ''), output_from, {max_text:UInt32} + 1),
    substringUTF8(ifNull(error_message, ''), 1, 300),
    toFloat64OrNull(toString($value)) AS value,
    input_text IS NULL AND output_text IS NULL AS empty
FROM interactions FINAL
WHERE $of_service AND $where
ORDER BY $order
LIMIT 1 BY ifNull(conversation_id, trace_id)
LIMIT {limit:UInt32}
""".replace("$of_service", _OF_SERVICE)

CANDIDATES = 1_000
"""Stored versions of interactions that come first; their conversations are looked at."""
SPARE = 5
"""So many times as many conversations as are shown: the newest version of an interaction may not qualify."""

_AMONG_THE_FIRST = """
(start, trace_id, span_id) IN
(
    SELECT start, trace_id, span_id
    FROM
    (
        SELECT start, trace_id, span_id, conversation_id, $value AS carried
        FROM interactions
        WHERE $of_service AND $where
        ORDER BY $order
        LIMIT {candidates:UInt32}
    )
    ORDER BY $again
    LIMIT 1 BY ifNull(conversation_id, trace_id)
    LIMIT {few:UInt32}
)
""".replace("$of_service", _OF_SERVICE)
"""``FINAL`` merges all that it reads, and looks past the index of words: over weeks that takes seconds. So a
few are looked for without it, and their newest versions alone are read with it."""

_MATCHES = """
SELECT countIf(carried), count()
FROM
(
    SELECT argMax($carries, revision) AS carried, argMax(($where), revision) AS matched
    FROM interactions
    WHERE $of_service AND (start, trace_id, span_id) IN
        (SELECT start, trace_id, span_id FROM interactions WHERE $of_service AND $where)
    GROUP BY start, trace_id, span_id
)
WHERE matched
LIMIT 1
""".replace("$of_service", _OF_SERVICE)
"""Without ``FINAL``, which looks past the index of words; the newest version of each decides."""

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


EVERYTHING = Narrow()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which interactions: seconds since 1970, and what counts as carrying the change.

    ``hit`` asks for (or, ``False``, against) flagged ones; ``category`` for (or against) one name;
    ``rising`` orders numbers from the top. ``others`` asks for all that ``hit`` leaves out, also those the
    score says nothing of.
    """

    from_s: int
    to_s: int
    kind: str
    hit: bool
    rising: bool = True
    category: str = ""
    limit: int = 3
    narrow: Narrow = EVERYTHING
    others: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice among interactions: a condition, what it names, and an order.

    ``ranked`` is ``ASC`` or ``DESC`` of the value, or empty: the latest first.
    """

    where: str
    bound: Mapping[str, object]
    value: str
    ranked: str
    earliest: int
    limit: int
    starts: Mapping[str, str]

    def statement(self, source: str = STORED) -> str:
        """The statement over ``source``, which has the columns of ``interactions``."""
        where = self.where
        if source == STORED:
            first = _AMONG_THE_FIRST.replace("$order", self._order(self.value))
            first = first.replace("$again", self._order("carried"))
            where = f"{first.replace('$where', where)} AND {where}"
        sql = ROWS.replace(STORED, source).replace("$where", where)
        sql = sql.replace("$order", self._order(self.value))
        sql = sql.replace("$value", self.value)
        return sql.replace("$prompt_from", self.starts["input_text"]).replace(
            "$output_from", self.starts["output_text"]
        )

    def bind(self, scope: Scope, key: SeriesKey, wanted: Wanted) -> dict[str, object]:
        """What the statement names."""
        return scope.bind(
            **key.bind(),
            **self.bound,
            category=wanted.category,
            limit=self.limit,
            candidates=CANDIDATES,
            few=SPARE * self.limit,
            max_text=MAX_TEXT,
            earliest=self.earliest,
            **{"from": wanted.from_s, "to": wanted.to_s},
        )

    def _order(self, value: str) -> str:
        return f"{value} {self.ranked}, start DESC" if self.ranked else "start DESC"


def choice_of(key: SeriesKey, wanted: Wanted, *, alone: bool = False) -> Choice:
    """What to ask for; ``alone`` looks at interactions themselves, not at judgements and traces."""
    where, bound = slice_condition(key.slice)
    value = value_of(key.score)
    ranked = ""
    earliest, limit = wanted.from_s, min(wanted.limit, 20)
    if wanted.others:
        where += f" AND NOT {carries(key, wanted)}"
        value = value if key.unit == "interaction" and not is_evaluated(key.score) else "NULL"
    elif alone and (is_evaluated(key.score) or key.unit == "trace"):
        value = "NULL"
    elif is_evaluated(key.score):
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
            ranked = "DESC" if wanted.rising else "ASC"
    narrower, given = condition(wanted.narrow)
    starts = dict.fromkeys(("input_text", "output_text"), "1")
    if key.score in _REDACTED:
        starts = {side: _NEAR_A_MARK.replace("$text", side) for side in starts}
    return Choice(f"{where} AND {narrower}", {**bound, **given}, value, ranked, earliest, limit, starts)


def carries(key: SeriesKey, wanted: Wanted) -> str:
    """Whether an interaction carries the change, as 0 or 1; of judgements and traces none does by itself."""
    if is_evaluated(key.score) or key.unit != "interaction":
        return "0"
    value = value_of(key.score)
    if wanted.kind == "flag":
        return f"ifNull({value} >= 0.5, 0)"
    return f"ifNull({value} = {{category:String}}, 0)" if wanted.kind == "category" else f"isNotNull({value})"


def matches(store: Store, scope: Scope, key: SeriesKey, wanted: Wanted) -> tuple[int, int]:
    """How many stored interactions match ``wanted.narrow``: those that carry the change, and all others."""
    where, bound = slice_condition(key.slice)
    narrower, given = condition(wanted.narrow)
    sql = _MATCHES.replace("$carries", carries(key, wanted))
    sql = sql.replace("$where", f"{where} AND {narrower}")
    bound = scope.bind(
        **key.bind(), **bound, **given, category=wanted.category, earliest=wanted.from_s, to=wanted.to_s
    )
    with_it, every = store.rows(sql, bound)[0]
    return int(with_it), int(every) - int(with_it)


@shows_text
def examples(
    store: Store,
    scope: Scope,
    key: SeriesKey,
    wanted: Wanted,
) -> tuple[Example, ...]:
    """At most ``wanted.limit`` interactions of different conversations, those that carry the change first."""
    choice = choice_of(key, wanted)
    rows = store.rows(choice.statement(), choice.bind(scope, key, wanted))
    found = [example_of(row) for row in rows]
    said = evaluations_of(store, scope, ((e.trace_id, e.span_id) for e in found))
    found = [_with_said(e, said.get((e.trace_id, e.span_id), ()), key.score) for e in found]
    if is_evaluated(key.score) and wanted.hit:
        found.sort(key=lambda e: e.value or 0.0, reverse=wanted.rising)
    return tuple(found[: wanted.limit])


def _with_said(example: Example, said: Sequence[Evaluations], score: str) -> Example:
    """An example with what was said of it; of a judgement's score, with its number."""
    facts = tuple(("judged", s.text) for s in said[:MAX_SAID])
    value = next((s.value for s in said if s.value is not None and score == NUMBER + s.name), example.value)
    return replace(example, facts=(*example.facts, *facts), value=value)


def example_of(row: Row) -> Example:
    """A row of `ROWS`."""
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
