"""Interactions to show with a brief, for receivers that ask for them: from after the onset and before it.

Texts were redacted before they were stored, and are cut in the store. Off unless a receiver sets
``examples = true``: text leaves the house with the message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import Template
from typing import Any

from alerts.briefs.brief import MAX_EXAMPLE, Example
from alerts.incidents.incident import Incident
from detectors.schema import slice_condition
from infra.clock import NS_PER_S

PER_SIDE = 3
BEFORE_S = 7 * 86_400
"""How far back examples from before the onset may lie."""

Query = Callable[[str, dict[str, Any]], Sequence[Sequence[Any]]]
"""Runs a statement with its parameters."""

_HITS = {name: f"score_{name}" for name in ("refusal", "secrets", "pii", "error", "truncated", "degenerate")}
"""Rates of harm and the column that is 1 for a hit."""

_ROWS = Template("""
SELECT concat(trace_id, ':', span_id), substringUTF8(ifNull(input_text, ''), 1, {cut:UInt32}),
    substringUTF8(ifNull(output_text, ''), 1, {cut:UInt32})
FROM interactions
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND service = {service:String} AND environment = {environment:String}
    AND start >= fromUnixTimestamp64Nano({low:Int64}) AND start < fromUnixTimestamp64Nano({high:Int64})
    AND NOT synthetic AND output_text IS NOT NULL AND $where
ORDER BY start DESC
LIMIT 1 BY ifNull(conversation_id, trace_id)
LIMIT {limit:UInt32}
""")


def examples_of(incident: Incident, query: Query) -> tuple[Example, ...]:
    """At most `PER_SIDE` interactions from each side of the onset, the newest first; none of other units."""
    if incident.unit != "interaction":
        return ()
    place, onset_ns = incident.place, incident.onset_ns
    where, values = slice_condition(incident.slice)
    hit = _HITS.get(incident.score)
    given = {
        **values,
        "tenant": place.tenant,
        "lineage": place.lineage,
        "service": place.service,
        "environment": place.environment or "",
        "cut": 2 * MAX_EXAMPLE,
        "limit": PER_SIDE,
    }
    sides = (
        ("current", f"{where} AND {hit} >= 0.5" if hit else where, onset_ns, incident.clock_ns + NS_PER_S),
        ("baseline", where, onset_ns - BEFORE_S * NS_PER_S, onset_ns),
    )
    return tuple(
        Example(side, str(name), str(prompt), str(output))
        for side, narrowed, low, high in sides
        for name, prompt, output in query(
            _ROWS.substitute(where=narrowed), {**given, "low": low, "high": high}
        )
    )
