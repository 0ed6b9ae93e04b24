"""Scores of single interactions of a stretch of time, and what their scores were before it, by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.store import Scope, Store
from detectors.schema import SCORE_COLUMNS

MOST_OUTPUTS = 5_000
"""Interactions read: where there are more, as many drawn by a hash of their ids, the same ones each time."""

_OUTPUTS = """
SELECT start, trace_id, span_id, [$columns], other_scores, count() OVER ()
FROM interactions FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND service = {service:String} AND environment = {environment:String}
    AND start >= toDateTime({from:UInt32}, 'UTC') AND start < toDateTime({to:UInt32}, 'UTC')
    AND NOT synthetic
ORDER BY cityHash64(trace_id, span_id)
LIMIT {limit:UInt32}
""".replace("$columns", ", ".join(f"toFloat64(score_{name})" for name in SCORE_COLUMNS))

_CELLS = """
SELECT score, generation, sumMap(cell, arrayResize(count, length(cell)))
FROM cells FINAL
PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND service = {service:String} AND environment = {environment:String}
    AND unit = 'interaction' AND slice = 'all'
    AND tick >= toDateTime({from:UInt32}, 'UTC') AND tick < toDateTime({to:UInt32}, 'UTC')
GROUP BY score, generation
ORDER BY score, generation DESC
LIMIT 1 BY score
"""


@dataclass(frozen=True, slots=True)
class Output:
    """One interaction: the scores that apply to it."""

    start: datetime
    interaction_id: str
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Those that were read, in order of time, and of how many."""

    rows: tuple[Output, ...]
    of: int


def outputs(store: Store, scope: Scope, service: str, environment: str, from_s: int, to_s: int) -> Outputs:
    """Interactions that began in ``[from_s, to_s)``, seconds since 1970."""
    bound = scope.bind(service=service, environment=environment, limit=MOST_OUTPUTS)
    read = store.rows(_OUTPUTS, {**bound, "from": from_s, "to": to_s})
    rows = [
        Output(
            utc(start),
            f"{trace}:{span}",
            {name: float(v) for name, v in zip(SCORE_COLUMNS, values, strict=True) if v is not None}
            | dict(others),
        )
        for start, trace, span, values, others, _ in read
    ]
    return Outputs(tuple(sorted(rows, key=lambda r: (r.start, r.interaction_id))), read[0][5] if read else 0)


def cells_before(
    store: Store, scope: Scope, service: str, environment: str, from_s: int, to_s: int
) -> dict[str, dict[int, int]]:
    """Counts by cell of each score over ``[from_s, to_s)``; of its newest generation there."""
    bound = scope.bind(service=service, environment=environment)
    read = store.rows(_CELLS, {**bound, "from": from_s, "to": to_s})
    return {score: {int(c): int(n) for c, n in zip(*pair, strict=True)} for score, _, pair in read if pair[0]}
