"""Reads stored calls and the spans around them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.clock import NS_PER_S
from ingest.errors import Unavailable
from ingest.repository.interaction import InteractionKey, StoredInteraction, from_row
from ingest.repository.tables import INTERACTIONS

LONGEST_CALL_S = 86_400
"""A call that was received in a period began at most so long before it; it bounds what is read."""
MOST_OF_TRACE = 500
_COLUMNS = ", ".join(f"`{name}`" for name in INTERACTIONS.names)

_SEEN = """
SELECT trace_id, span_id
FROM interactions FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND ({service:String} = '' OR service = {service:String})
    AND ({environment:String} = '' OR environment = {environment:String})
    AND received_at >= fromUnixTimestamp64Nano({since_ns:Int64})
    AND ({lineage:String} != 'live' OR start >= fromUnixTimestamp64Nano({begin_ns:Int64}))
ORDER BY received_at DESC, start DESC, trace_id, span_id
LIMIT {limit:UInt32}
"""
_WHOLE = f"""
SELECT {_COLUMNS}
FROM interactions FINAL
WHERE tenant = {{tenant:String}} AND lineage = {{lineage:String}}
    AND received_at >= fromUnixTimestamp64Nano({{since_ns:Int64}})
    AND ({{lineage:String}} != 'live' OR start >= fromUnixTimestamp64Nano({{begin_ns:Int64}}))
    AND has({{spans:Array(String)}}, concat(trace_id, span_id))
ORDER BY received_at, start, trace_id DESC, span_id DESC
LIMIT {{limit:UInt32}}
"""  # noqa: S608 - names of our columns
_OF_TRACE = f"""
SELECT {_COLUMNS}
FROM interactions FINAL
WHERE tenant = {{tenant:String}} AND {{column:Identifier}} = {{value:String}}
ORDER BY start, span_id
LIMIT {{limit:UInt32}}
"""  # noqa: S608 - names of our columns
_STEPS = """
SELECT trace_id, span_id, parent_span_id, kind, name, tool_name, tool_arguments, start, duration_s, error
FROM context_spans FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND trace_id = {trace_id:String}
ORDER BY start, span_id
LIMIT {limit:UInt32}
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose calls are wanted; an empty service or environment stands for all."""

    tenant: str
    lineage: str
    service: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A span around model calls: of an agent, a tool, a retriever. ``start_ns`` is since 1970 UTC."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    kind: str
    name: str
    tool_name: str | None
    tool_arguments: str | None
    start_ns: int
    duration_s: float
    error: bool


def newest(
    store: Client, scope: Scope, since_ns: int, limit: int, known: Collection[InteractionKey] = ()
) -> list[StoredInteraction]:
    """The newest calls received at or after a time, oldest first, without those that are ``known``.

    What is known counts towards ``limit``, and its texts are not read again.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    given = {
        "tenant": scope.tenant,
        "lineage": scope.lineage,
        "service": scope.service,
        "environment": scope.environment,
        "since_ns": since_ns,
        "begin_ns": max(0, since_ns - LONGEST_CALL_S * NS_PER_S),
        "limit": limit,
    }
    spans = [
        trace_id + span_id
        for trace_id, span_id in _rows(store, _SEEN, given)
        if (scope.tenant, scope.lineage, trace_id, span_id) not in known
    ]
    return [from_row(row) for row in _rows(store, _WHOLE, {**given, "spans": spans})] if spans else []


def of_trace(store: Client, tenant: str, wanted: str) -> list[StoredInteraction]:
    """The calls of a trace, or the one of a span, in order of start; of all lineages.

    Parameters
    ----------
    wanted
        Trace id (32 hexadecimal digits) or span id (16).

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    column = "span_id" if len(wanted) == SPAN_DIGITS else "trace_id"
    given = {"tenant": tenant, "column": column, "value": wanted, "limit": MOST_OF_TRACE}
    return [from_row(row) for row in _rows(store, _OF_TRACE, given)]


def steps_of(store: Client, tenant: str, lineage: str, trace_id: str) -> list[Step]:
    """The spans around the calls of a trace, in order of start.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    given = {"tenant": tenant, "lineage": lineage, "trace_id": trace_id, "limit": MOST_OF_TRACE}
    return [Step(*row) for row in _rows(store, _STEPS, given)]


TRACE_DIGITS, SPAN_DIGITS = 32, 16


def _rows(store: Client, sql: str, given: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    """Rows, with times as ns since 1970 UTC."""
    try:
        return store.query(sql, parameters=dict(given), query_formats={"DateTime64": "int"}).result_rows
    except ClickHouseError as error:
        raise Unavailable(f"ClickHouse did not answer: {str(error)[:300]}") from error
