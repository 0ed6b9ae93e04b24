"""What people said that a score, or an external judge, can be held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.queries.store import Scope, Store
from detectors.schema import SCORE_COLUMNS
from detectors.scorers.rightness import RIGHT, evaluated_score

JUDGE = "judge"
PEOPLE = "feedback"
"""Doors that judgements came through."""

MOST_NAMES = 32

_LATEST = """
SELECT name, judged_trace_id, judged_span_id, service, value, label
FROM
(
    SELECT * FROM judgements FINAL
    WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND judged_trace_id != ''
        AND said_by = $door AND received_at >= toDateTime({from:UInt32}, 'UTC')
    ORDER BY received_at DESC, source_offset DESC, ordinal DESC
    LIMIT 1 BY uid
)
ORDER BY received_at DESC, source_offset DESC, ordinal DESC
LIMIT 1 BY name, judged_trace_id, judged_span_id
"""
"""The last word of each name on each interaction."""

_PEOPLE = f"""
SELECT name, count(), min(value), max(value) FROM ({_LATEST.replace("$door", "{people:String}")})
WHERE isNotNull(value) AND NOT startsWith(name, {{right:String}})
GROUP BY name ORDER BY count() DESC, name LIMIT {{most:UInt32}}
"""  # noqa: S608 - of our own words

_PAIRS = f"""
SELECT j.name, j.label = 'good', h.value >= {{cut:Float64}}, count()
FROM ({_LATEST.replace("$door", "{judge:String}")}) AS j
INNER JOIN ({_LATEST.replace("$door", "{people:String}")}) AS h
    ON j.judged_trace_id = h.judged_trace_id AND j.judged_span_id = h.judged_span_id
WHERE h.name = {{human:String}} AND isNotNull(h.value) AND isNotNull(j.label)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""  # noqa: S608 - of our own words

_SAID = f"""
SELECT s.name, s.service, i.score_of, s.value, i.environment
FROM
(
    SELECT * FROM ({_LATEST.replace("$door", "{people:String}")})
    WHERE startsWith(name, {{right:String}}) AND isNotNull(value)
) AS s
INNER JOIN
(
    SELECT trace_id, span_id, environment, mapUpdate(other_scores, mapFromArrays(
        arrayFilter((n, v) -> isNotNull(v), $names, $values),
        arrayMap(v -> assumeNotNull(v), arrayFilter(v -> isNotNull(v), $values)))) AS score_of
    FROM interactions FINAL
    WHERE tenant = {{tenant:String}} AND lineage = {{lineage:String}}
        AND trace_id IN
        (
            SELECT judged_trace_id FROM judgements
            WHERE tenant = {{tenant:String}} AND lineage = {{lineage:String}}
                AND startsWith(name, {{right:String}})
        )
) AS i ON s.judged_trace_id = i.trace_id AND s.judged_span_id = i.span_id
LIMIT 5000
""".replace(  # noqa: S608 - of our own words
    "$names", "[" + ", ".join(f"'{name}'" for name in SCORE_COLUMNS) + "]"
).replace("$values", "[" + ", ".join(f"toFloat64(score_{name})" for name in SCORE_COLUMNS) + "]")

_CELLS = """
SELECT service, score, generation, sumMap(cell, arrayResize(count, length(cell)))
FROM cells FINAL
PREWHERE tenant = {tenant:String} AND lineage = {lineage:String} AND unit = 'interaction' AND slice = 'all'
    AND score IN {scores:Array(String)}
    AND tick >= toDateTime({from:UInt32}, 'UTC') AND tick < toDateTime({to:UInt32}, 'UTC')
GROUP BY service, score, generation
ORDER BY service, score, generation DESC
LIMIT 1 BY service, score
"""


@dataclass(frozen=True, slots=True)
class Named:
    """A name that people use, how often, and between which values."""

    name: str
    n: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Interactions that a judge called good, or not, and people good, or not."""

    judge: str
    judge_good: bool
    people_good: bool
    n: int


@dataclass(frozen=True, slots=True)
class HumanVerdict:
    """A person's word on one score of one interaction: its value, and whether that is right."""

    score: str
    service: str
    value: float
    right: bool


def names(store: Store, scope: Scope, from_s: int) -> tuple[Named, ...]:
    """What people rated, since ``from_s`` (seconds since 1970); the commonest first."""
    bound = scope.bind(**{"from": from_s}, people=PEOPLE, right=RIGHT, most=MOST_NAMES)
    return tuple(Named(*row) for row in store.rows(_PEOPLE, bound))


def pairs(store: Store, scope: Scope, from_s: int, human: str, cut: float) -> tuple[Pair, ...]:
    """Interactions that both judged: people by ``human``, good from ``cut`` on."""
    bound = scope.bind(**{"from": from_s}, people=PEOPLE, judge=JUDGE, human=human, cut=cut)
    return tuple(Pair(j, bool(a), bool(b), n) for j, a, b, n in store.rows(_PAIRS, bound))


def human_verdicts(store: Store, scope: Scope, from_s: int) -> tuple[HumanVerdict, ...]:
    """Words of people on scores, where the interaction has that score."""
    bound = scope.bind(**{"from": from_s}, people=PEOPLE, right=RIGHT)
    out = []
    for name, service, score_of, value, _ in store.rows(_SAID, bound):
        score = evaluated_score(name)
        if score is not None and score in score_of:
            out.append(HumanVerdict(score, service, float(score_of[score]), value >= 0.5))
    return tuple(out)


def cells_of(
    store: Store, scope: Scope, scores: tuple[str, ...], from_s: int, to_s: int
) -> Mapping[tuple[str, str], dict[int, int]]:
    """Counts by cell over ``[from_s, to_s)``, by service and score, in the newest generation."""
    bound = scope.bind(scores=list(scores), **{"from": from_s, "to": to_s})
    rows = store.rows(_CELLS, bound)
    return {(service, score): dict(zip(*pair, strict=True)) for service, score, _, pair in rows if pair[0]}
