"""What a detector of hits reads of a series, tick by tick; and what was found of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.formats import utc
from dashboard.measures.measures import ABOVE, CATEGORY, MEDIAN, Measure
from dashboard.queries.store import Scope, SeriesKey, Store

MOST_TICKS = 4_500

_HITS = """
SELECT at, sum(n), sum(hit)
FROM
(
    SELECT intDiv(toUnixTimestamp(tick), {width:UInt32}) AS at, generation, n, $hit AS hit
    FROM cells FINAL
    PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND service = {service:String} AND environment = {environment:String}
        AND unit = {unit:String} AND score = {score:String} AND slice = {slice:String} AND part = 0
        AND tick >= toDateTime({from:UInt32}, 'UTC') AND tick < toDateTime({to:UInt32}, 'UTC')
)
GROUP BY at, generation
ORDER BY at, generation DESC
LIMIT 1 BY at
LIMIT 4500
"""
_FLAG = "total"
_ABOVE = """
        toFloat64(arraySum(arrayMap(
            (k, c) -> if(k > {bound:Int32}, c, 0), cell, arrayResize(count, length(cell))
        )))
"""
_NAMED = """
        toFloat64(arraySum(arrayMap(
            (k, c) -> if(k = {name:String}, c, 0), category, arrayResize(count, length(category))
        )))
"""

_FINDINGS = """
SELECT finding_id, alert_kind, status, severity, made_at, onset, onset_low, onset_high, evidence
FROM findings FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND service = {service:String} AND environment = {environment:String}
    AND unit = {unit:String} AND score = {score:String} AND slice = {slice:String}
    AND isNotNull(onset) AND status != 'withdrawn'
    AND made_at >= toDateTime({from:UInt32}, 'UTC') AND onset < toDateTime({to:UInt32}, 'UTC')
ORDER BY made_at DESC
LIMIT 20
"""


@dataclass(frozen=True, slots=True)
class Hits:
    """``hits`` of ``n`` outputs in the tick with the number ``at`` (seconds since 1970 over its width)."""

    at: int
    n: int
    hits: float


@dataclass(frozen=True, slots=True)
class Found:
    """A statement of a detector about the series itself."""

    finding_id: str
    alert_kind: str
    status: str
    severity: str
    made: datetime
    onset: datetime
    low: datetime
    high: datetime
    evidence: float | None


def hits(
    store: Store, scope: Scope, key: SeriesKey, measure: Measure, width_s: int, from_s: int, to_s: int
) -> tuple[Hits, ...]:
    """Ticks of ``width_s`` in ``[from_s, to_s)`` with outputs; what came late is left out, as it was then.

    Hits of a median are outputs above ``measure.cell``: whoever asks sets it to the baseline's median.
    """
    above = measure.what in {ABOVE, MEDIAN}
    hit = _ABOVE if above else _NAMED if measure.what == CATEGORY else _FLAG
    bound = scope.bind(**key.bind(), slice=key.slice, width=width_s, bound=measure.cell, name=measure.name)
    rows = store.rows(_HITS.replace("$hit", hit), {**bound, "from": from_s, "to": to_s})
    return tuple(Hits(int(at), int(n), float(hit)) for at, n, hit in rows)


def findings(store: Store, scope: Scope, key: SeriesKey, from_s: int, to_s: int) -> tuple[Found, ...]:
    """Findings about the series that reach into ``[from_s, to_s)``, the latest first."""
    bound = scope.bind(**key.bind(), slice=key.slice)
    return tuple(
        Found(
            finding_id,
            kind,
            status,
            severity,
            utc(made),
            utc(onset),
            utc(low or onset),
            utc(high or onset),
            evidence,
        )
        for finding_id, kind, status, severity, made, onset, low, high, evidence in store.rows(
            _FINDINGS, {**bound, "from": from_s, "to": to_s}
        )
    )
