"""What evaluators and people said of interactions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dashboard.queries.store import Scope, Store
from detectors.observation import OTHER
from detectors.scorers.judgement import LABEL, NUMBER

REACH_S = 31 * 86_400
"""Interactions began at most this long before what was said of them."""

MOST = 20
"""Judgements that are looked at for examples."""

_SAID = """
SELECT judged_trace_id, judged_span_id, name, value, label
FROM judgements FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND judged_trace_id IN {traces:Array(String)}
    AND (value IS NOT NULL OR label IS NOT NULL)
ORDER BY received_at DESC, source_offset DESC, ordinal DESC
LIMIT 1 BY uid
"""

_SPANS = """
((trace_id, span_id) IN
(
    SELECT judged_trace_id, judged_span_id FROM judgements FINAL
    WHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND service = {service:String} AND environment = {environment:String} AND counted_by != ''
        AND counted_at >= toDateTime({from:UInt32}, 'UTC') AND counted_at < toDateTime({to:UInt32}, 'UTC')
        AND ({judged:String} = '' OR name = {judged:String}) AND $what
    ORDER BY $order
    LIMIT {most:UInt32}
))
"""


@dataclass(frozen=True, slots=True)
class Evaluations:
    """One judgement: a number, a label, or both."""

    name: str
    value: float | None
    label: str | None

    @property
    def text(self) -> str:
        """``helpful 0.75 (good)``."""
        number = "" if self.value is None else f"{self.value:.4g}"
        label = "" if self.label is None else f"({self.label})" if number else self.label
        return " ".join(filter(None, (self.name, number, label)))


def is_evaluated(score: str) -> bool:
    """Whether a score is what somebody said."""
    return score.startswith((NUMBER, LABEL))


def spans_of(score: str, *, rising: bool | None, category: bool | None) -> tuple[str, dict[str, object]]:
    """A condition on interactions, and its parameters: those that a judgement score counts in a time.

    ``rising`` takes the largest numbers first, ``False`` the smallest, ``None`` the latest; ``category`` asks
    for (or, ``False``, against) one label.
    """
    name = score.removeprefix(NUMBER).removeprefix(LABEL)
    order = "counted_at DESC" if rising is None else f"value {'DESC' if rising else 'ASC'}, counted_at DESC"
    if score.startswith(NUMBER):
        what = "value IS NOT NULL"
    else:
        what = "value IS NULL AND label IS NOT NULL"
        if category is not None:
            what += f" AND label {'=' if category else '!='} {{category:String}}"
        order = "counted_at DESC"
    sql = _SPANS.replace("$what", what).replace("$order", order)
    return sql, {"judged": "" if name == OTHER else name, "most": MOST}


def evaluations_of(
    store: Store, scope: Scope, spans: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], tuple[Evaluations, ...]]:
    """Judgements by the interaction they met, the latest first; a corrected one is not there."""
    wanted = set(spans)
    if not wanted:
        return {}
    out: dict[tuple[str, str], tuple[Evaluations, ...]] = {}
    rows = store.rows(_SAID, scope.bind(traces=sorted({trace_id for trace_id, _ in wanted})))
    for trace_id, span_id, name, value, label in rows:
        if (trace_id, span_id) in wanted:
            out[trace_id, span_id] = (*out.get((trace_id, span_id), ()), Evaluations(name, value, label))
    return out
