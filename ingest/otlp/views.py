"""OTLP export requests to plain views, reading every attribute once.

A view holds Python values only, so that everything after it needs no protobuf. Sources: opentelemetry-proto
1.x (an ``Export*ServiceRequest`` has the wire form of ``TracesData`` / ``LogsData``, which is what Kafka
carries) and the OTLP/JSON mapping, where ids are hexadecimal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from ingest.errors import BadRecord
from ingest.event_time import MAX_NS

M = TypeVar("M", bound=Message)

Attributes = dict[str, Any]
"""Keys to ``str``, ``bool``, ``int``, ``float``, ``None``, lists and dicts of them."""


@dataclass(slots=True)
class EventView:
    """A span event."""

    name: str
    time_ns: int
    attributes: Attributes


@dataclass(slots=True)
class SpanView:
    """One span with its resource and scope; ids are lower hex, ``parent_span_id`` is ``None`` for a root.

    ``links`` are the trace and span ids of spans it refers to. Times are within what a column holds, and the
    end never before the start; ``ended_before_start`` tells that it was sent so.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    start_ns: int
    end_ns: int
    attributes: Attributes
    resource: Attributes = field(default_factory=dict)
    scope: str = ""
    scope_version: str = ""
    events: list[EventView] = field(default_factory=list)
    failed: bool = False
    status_message: str = ""
    trace_state: str = ""
    dropped_attributes: int = 0
    ended_before_start: bool = False
    links: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class LogView:
    """One log record; ids are ``None`` where the record has no span context."""

    trace_id: str | None
    span_id: str | None
    event: str
    time_ns: int
    body: Any
    attributes: Attributes
    resource: Attributes = field(default_factory=dict)
    scope: str = ""


def read_value(value: AnyValue) -> Any:
    """Python value of an ``AnyValue``; bytes become text where they are UTF-8, else ``None``."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind is None:
        return None
    if kind == "array_value":
        return [read_value(v) for v in value.array_value.values]
    if kind == "kvlist_value":
        return {kv.key: read_value(kv.value) for kv in value.kvlist_value.values}
    if kind == "bytes_value":
        try:
            return value.bytes_value.decode()
        except UnicodeDecodeError:
            return None
    return getattr(value, kind)


def read_attributes(pairs: Any) -> Attributes:
    """A dict of repeated ``KeyValue``; of equal keys the last one wins."""
    out: Attributes = {}
    pair: KeyValue
    for pair in pairs:
        value = pair.value
        out[pair.key] = value.string_value or read_value(value)
    return out


def span_views(request: ExportTraceServiceRequest) -> list[SpanView]:
    """All spans of a request, with empty trace or span ids left out (the protocol calls them invalid)."""
    out: list[SpanView] = []
    for resource_spans in request.resource_spans:
        resource = read_attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            scope, version = scope_spans.scope.name, scope_spans.scope.version
            for span in scope_spans.spans:
                if not (any(span.trace_id) and any(span.span_id)):
                    continue
                parent = span.parent_span_id
                status = span.status
                start_ns, end_ns = _times(span.start_time_unix_nano, span.end_time_unix_nano)
                out.append(
                    SpanView(
                        trace_id=span.trace_id.hex(),
                        span_id=span.span_id.hex(),
                        parent_span_id=parent.hex() if any(parent) else None,
                        name=span.name,
                        start_ns=start_ns,
                        end_ns=max(end_ns, start_ns),
                        ended_before_start=end_ns < start_ns,
                        attributes=read_attributes(span.attributes),
                        resource=resource,
                        scope=scope,
                        scope_version=version,
                        events=[
                            EventView(e.name, min(e.time_unix_nano, MAX_NS), read_attributes(e.attributes))
                            for e in span.events
                        ],
                        failed=status.code == status.STATUS_CODE_ERROR,
                        status_message=status.message,
                        trace_state=span.trace_state,
                        dropped_attributes=span.dropped_attributes_count,
                        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
                    )
                )
    return out


def log_views(request: ExportLogsServiceRequest) -> list[LogView]:
    """All log records of a request.

    The event name is ``LogRecord.event_name``, or in older SDKs the attribute ``event.name``.
    """
    out: list[LogView] = []
    for resource_logs in request.resource_logs:
        resource = read_attributes(resource_logs.resource.attributes)
        for scope_logs in resource_logs.scope_logs:
            scope = scope_logs.scope.name
            for record in scope_logs.log_records:
                attributes = read_attributes(record.attributes)
                named = record.event_name or attributes.get("event.name")
                out.append(
                    LogView(
                        trace_id=record.trace_id.hex() if any(record.trace_id) else None,
                        span_id=record.span_id.hex() if any(record.span_id) else None,
                        event=named if isinstance(named, str) else "",
                        time_ns=min(record.time_unix_nano or record.observed_time_unix_nano, MAX_NS),
                        body=read_value(record.body),
                        attributes=attributes,
                        resource=resource,
                        scope=scope,
                    )
                )
    return out


def _times(start_ns: int, end_ns: int) -> tuple[int, int]:
    """Start and end as columns can hold them; one that is not said (0) is the other."""
    start_ns, end_ns = min(start_ns or end_ns, MAX_NS), min(end_ns or start_ns, MAX_NS)
    return start_ns, end_ns


def parse_traces(body: bytes) -> ExportTraceServiceRequest:
    """A trace request from protobuf bytes.

    Raises
    ------
    BadRecord
        If the bytes are not such a message.
    """
    return parse(ExportTraceServiceRequest(), body)


def parse_logs(body: bytes) -> ExportLogsServiceRequest:
    """A log request from protobuf bytes.

    Raises
    ------
    BadRecord
        If the bytes are not such a message.
    """
    return parse(ExportLogsServiceRequest(), body)


def parse(request: M, body: bytes) -> M:
    """Fill any request from protobuf bytes.

    Raises
    ------
    BadRecord
        If the bytes are not such a message.
    """
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise BadRecord(f"not an OTLP protobuf {type(request).__name__}: {error}") from error
    return request
