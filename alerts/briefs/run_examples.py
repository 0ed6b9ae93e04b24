"""Runs to show with a brief about what agents do: what was asked, and the calls of tools they repeated.

Texts were redacted before they were stored, and are cut in the store.
"""

from __future__ import annotations

from string import Template

from alerts.briefs import words
from alerts.briefs.brief import MAX_EXAMPLE, Example
from alerts.briefs.examples import PER_SIDE
from alerts.briefs.live_tally import Query, counted
from alerts.incidents.incident import Incident

MOST_CALLS = 3
"""Different calls of tools that one example names."""

_RUNS = Template("""
WITH runs AS (
    SELECT trace_id, max(start) AS began
    FROM $table
    WHERE $within AND $applies AND $hit AND $slices
    GROUP BY trace_id ORDER BY began DESC, trace_id LIMIT {limit:UInt32}
)
SELECT runs.trace_id, ifNull(asked.prompt, ''), calls.said
FROM runs
LEFT JOIN (
    SELECT trace_id, argMin(substringUTF8(ifNull(input_text, ''), 1, {cut:UInt32}), start) AS prompt
    FROM interactions
    WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND service IN {services:Array(String)}
        AND trace_id IN (SELECT trace_id FROM runs)
    GROUP BY trace_id
) AS asked ON asked.trace_id = runs.trace_id
LEFT JOIN (
    SELECT trace_id, groupArray(tuple(tool, arguments, n)) AS said
    FROM (
        SELECT trace_id, ifNull(tool_name, name) AS tool,
            substringUTF8(ifNull(tool_arguments, ''), 1, {cut:UInt32}) AS arguments, uniqExact(span_id) AS n
        FROM context_spans
        WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND service IN {services:Array(String)}
            AND kind = 'tool' AND trace_id IN (SELECT trace_id FROM runs)
        GROUP BY trace_id, tool, arguments
        ORDER BY n DESC, tool, arguments
        LIMIT {calls:UInt32} BY trace_id
    )
    GROUP BY trace_id
) AS calls ON calls.trace_id = runs.trace_id
ORDER BY runs.began DESC, runs.trace_id
SETTINGS max_execution_time = $seconds
""")


def run_examples(incident: Incident, query: Query) -> tuple[Example, ...]:
    """At most `PER_SIDE` of the newest runs that carry the change, each with the calls it made most often."""
    about = counted(incident)
    if about is None or about.table != "traces":
        return ()
    given = {**about.values, "limit": PER_SIDE, "cut": MAX_EXAMPLE, "calls": MOST_CALLS}
    return tuple(
        Example("current", str(trace_id), str(prompt), _calls(said))
        for trace_id, prompt, said in query(about.into(_RUNS), given)
    )


def _calls(said: object) -> str:
    """``search_orders({"order_id": "[id]"}) ×14; done() ×1``."""
    if not isinstance(said, list | tuple):
        return ""
    each = MAX_EXAMPLE // MOST_CALLS
    return "; ".join(
        f"{words.plain(str(tool))}({words.plain(str(arguments), each)}) ×{int(n)}"
        for tool, arguments, n in said
    )
