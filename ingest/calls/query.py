"""Reads stored calls and the spans around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.clock import NS_PER_S
from ingest.errors import Unavailable
from ingest.store.interaction import StoredInteraction, from_row
from ingest.store.tables import INTERACTIONS

LONGEST_CALL_S = 86_400
"""A call that was received in a period began at most so long before it; it bounds what is read."""
MOST_OF_TRACE = 500
_COLUMNS = ", ".join(f"`{name}`" for name in INTERACTIONS.names)

_NEWEST = f"""
SELECT {_COLUMNS}
FROM interactions FINAL
WHERE tenant = {{tenant:String}} AND lineage = {{lineage:String}}
    AND ({{service:String}} = '' OR service = {{service:String}})
    AND ({{environment:String}} = '' OR environment = {{environment:String}})
    AND received_at >= fromUnixTimestamp64Nano({{since_ns:Int64}})
    AND ({{lineage:String}} != 'live' OR start >= fromUnixTimestamp64Nano({{begin_ns:Int64}}))
ORDER BY received_at DESC, start DESC, trace_id, span_id
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
    """A span around model calls: of an agent, a tool, a retriever. ``duration_s`` in seconds, times UTC."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    kind: str
    name: str
    tool_name: str | None
    tool_arguments: str | None
    start: datetime
    duration_s: float
    error: bool


def newest(store: Client, scope: Scope, since_ns: int, limit: int) -> list[StoredInteraction]:
    """The newest calls received at or after a time, oldest first.

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
    return [from_row(row) for row in reversed(_rows(store, _NEWEST, given, whole_ns=True))]


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
    return [from_row(row) for row in _rows(store, _OF_TRACE, given, whole_ns=True)]


def steps_of(store: Client, tenant: str, lineage: str, trace_id: str) -> list[Step]:
    """The spans around the calls of a trace, in order of start.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    given = {"tenant": tenant, "lineage": lineage, "trace_id": trace_id, "limit": MOST_OF_TRACE}
    return [Step(*row) for row in _rows(store, _STEPS, given, whole_ns=False)]


TRACE_DIGITS, SPAN_DIGITS = 32, 16


def _rows(store: Client, sql: str, given: Mapping[str, Any], *, whole_ns: bool) -> Sequence[Sequence[Any]]:
    formats = {"DateTime64": "int"} if whole_ns else None
    try:
        return store.query(sql, parameters=dict(given), query_formats=formats).result_rows
    except ClickHouseError as error:
        raise Unavailable(f"ClickHouse did not answer: {str(error)[:300]}") from error
