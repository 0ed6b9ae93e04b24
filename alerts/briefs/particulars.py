"""What is known of the hits of an incident beyond their number, each a line: errors, kinds of secrets, tools.

Names and forms only; what a tool was called with is told by the names and types of its arguments.
"""

from __future__ import annotations

import json
from string import Template
from typing import Any

from alerts.briefs import figures, words
from alerts.briefs.live_tally import Counted, Query, counted
from alerts.incidents.incident import Incident
from detectors.redaction.kinds import PII_TYPES, SECRET_TYPES

MOST = 4
"""Kinds of one thing that a line names."""
LOOPS = ("tool_loop", "tool_repeats", "tool_calls", "steps", "tool_errors")
"""Scores of runs that say something about their tools."""
_TYPES = {
    "secrets": ("output", SECRET_TYPES),
    "secrets_prompt": ("prompt", SECRET_TYPES),
    "pii": ("output", PII_TYPES),
    "pii_prompt": ("prompt", PII_TYPES),
}
_ARGUMENTS = 6
_JSON_TYPES = {str: "string", bool: "boolean", int: "number", float: "number", list: "list", dict: "object"}

_FROM = """
FROM $table
WHERE $within AND $applies AND $hit AND $slices"""

_ERRORS = Template(f"""
SELECT ifNull(error_type, ''), ifNull(http_status, 0), uniqExact($key) AS n {_FROM}
GROUP BY 1, 2 ORDER BY n DESC, 1, 2 LIMIT {{most:UInt32}}
SETTINGS max_execution_time = $seconds
""")
_MODELS = Template(f"""
SELECT ifNull(request_model, ''), uniqExact($key) AS n {_FROM}
GROUP BY 1 ORDER BY n DESC, 1 LIMIT {{most:UInt32}}
SETTINGS max_execution_time = $seconds
""")
_KINDS = Template("""
SELECT type, uniqExact($key) AS n
FROM $table ARRAY JOIN redactions.type AS type, redactions.side AS side
WHERE $within AND $applies AND $hit AND $slices AND side = {side:String} AND type IN {types:Array(String)}
GROUP BY type ORDER BY n DESC, type LIMIT {most:UInt32}
SETTINGS max_execution_time = $seconds
""")
_TOOLS = Template(
    """
SELECT tool, argmax_arguments, runs, most FROM (
    SELECT tool, argMax(arguments, n) AS argmax_arguments, uniqExact(trace_id) AS runs, max(n) AS most
    FROM (
        SELECT trace_id, ifNull(tool_name, name) AS tool, ifNull(tool_arguments, '') AS arguments,
            uniqExact(span_id) AS n
        FROM context_spans
        WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND service IN {services:Array(String)}
            AND kind = 'tool' AND tool_arguments IS NOT NULL
            AND start >= fromUnixTimestamp64Nano({low:Int64} - 86400000000000)
            AND trace_id IN (SELECT trace_id $hits ORDER BY start DESC LIMIT 200)
        GROUP BY trace_id, tool, arguments
    )
    GROUP BY tool
)
WHERE most >= 2
ORDER BY most DESC, tool LIMIT 1
SETTINGS max_execution_time = $seconds
""".replace("$hits", _FROM)
)


def particulars_of(incident: Incident, query: Query) -> tuple[str, ...]:
    """Lines about an incident's hits; none where nothing is known."""
    about = counted(incident)
    if about is None:
        return ()
    score = incident.spokesman.score
    if score == "error":
        return (*_errors(about, query), *_models(about, query))
    if score in _TYPES:
        return _kinds(about, score, query)
    return _tools(about, query) if score in LOOPS else ()


def _rows(template: Template, about: Counted, query: Query, **more: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in query(about.into(template), {**about.values, "most": MOST, **more})]


def _errors(about: Counted, query: Query) -> tuple[str, ...]:
    """``errors: rate_limit_exceeded (HTTP 429) in 27 calls, timeout in 3``."""
    found = []
    for kind, status, n in _rows(_ERRORS, about, query):
        name = words.plain(str(kind)) or "of no type"
        found.append((f"{name} (HTTP {status})" if status else name, int(n)))
    return _line("errors", found, "call")


def _models(about: Counted, query: Query) -> tuple[str, ...]:
    """``models asked for: gpt-4o in 30 calls``."""
    found = [(words.plain(str(model)), int(n)) for model, n in _rows(_MODELS, about, query) if model]
    return _line("models asked for", found, "call")


def _kinds(about: Counted, score: str, query: Query) -> tuple[str, ...]:
    """``kinds of secrets: aws access key id in 2 answers, private key in 1``."""
    side, types = _TYPES[score]
    rows = _rows(_KINDS, about, query, side=side, types=sorted(types))
    found = [(words.plain(str(kind)).replace("_", " "), int(n)) for kind, n in rows]
    name = "kinds of secrets" if types is SECRET_TYPES else "kinds of personal data"
    return _line(name, found, "answer" if side == "output" else "prompt")


def _tools(about: Counted, query: Query) -> tuple[str, ...]:
    """``repeated tool: search_orders, up to 14 times in a run with the same arguments (id: string)``."""
    return tuple(
        f"repeated tool: {words.plain(str(tool))}, up to {figures.count(int(most))} times in a run with the "
        f"same arguments{shape(str(arguments))}"
        for tool, arguments, _, most in _rows(_TOOLS, about, query)
    )


def shape(arguments: str) -> str:
    """Names and types of a call's arguments: `` (order_id: string)``; empty where they are no object."""
    try:
        given = json.loads(arguments)
    except ValueError:
        return ""
    if not isinstance(given, dict) or not given:
        return ""
    named = [f"{words.plain(str(k), 24)}: {_JSON_TYPES.get(type(v), 'null')}" for k, v in given.items()]
    more = ", …" if len(named) > _ARGUMENTS else ""
    return f" ({', '.join(named[:_ARGUMENTS])}{more})"


def _line(name: str, found: list[tuple[str, int]], unit: str) -> tuple[str, ...]:
    """One line of what was found how often; the first says of what."""
    if not found:
        return ()
    said = [f"{what} in {figures.count(n)}" for what, n in found]
    said[0] += f" {unit}" if found[0][1] == 1 else f" {unit}s"
    return (f"{name}: {', '.join(said)}",)
