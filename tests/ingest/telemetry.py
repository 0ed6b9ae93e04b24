"""Invented telemetry for tests: protobuf requests from plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingest.otlp.views import LogView, SpanView, log_views, span_views

START_NS = 1_795_500_000_000_000_000
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
RESOURCE = {"service.name": "harbour-chat", "service.version": "7.1", "deployment.environment.name": "prod"}


def any_value(value: Any) -> AnyValue:
    """An ``AnyValue`` of a Python value."""
    out = AnyValue()
    if isinstance(value, bool):
        out.bool_value = value
    elif isinstance(value, int):
        out.int_value = value
    elif isinstance(value, float):
        out.double_value = value
    elif isinstance(value, str):
        out.string_value = value
    elif isinstance(value, bytes):
        out.bytes_value = value
    elif isinstance(value, Mapping):
        out.kvlist_value.values.extend(pairs(value))
        out.kvlist_value.SetInParent()
    elif isinstance(value, Sequence):
        out.array_value.values.extend(any_value(v) for v in value)
        out.array_value.SetInParent()
    return out


def pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    """``KeyValue`` messages of a mapping."""
    return [KeyValue(key=k, value=any_value(v)) for k, v in attributes.items()]


def span(
    attributes: Mapping[str, Any],
    *,
    span_id: int = 1,
    parent: int | None = None,
    trace: str = TRACE,
    name: str = "chat gpt-4o",
    start_s: float = 0.0,
    duration_s: float = 1.0,
    error: str | None = None,
    events: Sequence[tuple[str, float, Mapping[str, Any]]] = (),
    dropped: int = 0,
    trace_state: str = "",
) -> Span:
    """A span; ids are numbers, events are (name, seconds after the start, attributes)."""
    start_ns = START_NS + round(start_s * 1e9)
    out = Span(
        trace_id=bytes.fromhex(trace),
        span_id=span_id.to_bytes(8, "big"),
        parent_span_id=b"" if parent is None else parent.to_bytes(8, "big"),
        name=name,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + round(duration_s * 1e9),
        attributes=pairs(attributes),
        dropped_attributes_count=dropped,
        trace_state=trace_state,
    )
    for event_name, at_s, event_attributes in events:
        out.events.add(
            name=event_name,
            time_unix_nano=start_ns + round(at_s * 1e9),
            attributes=pairs(event_attributes),
        )
    if error is not None:
        out.status.code = out.status.STATUS_CODE_ERROR
        out.status.message = error
    return out


def traces(
    *spans: Span, resource: Mapping[str, Any] = RESOURCE, scope: str = "app"
) -> ExportTraceServiceRequest:
    """A request with the spans under one resource and scope."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(pairs(resource))
    inner = group.scope_spans.add()
    inner.scope.name = scope
    inner.spans.extend(spans)
    return request


def log(
    event: str,
    *,
    body: Any = None,
    attributes: Mapping[str, Any] | None = None,
    span_id: int | None = 1,
    trace: str | None = TRACE,
    at_s: float = 0.5,
    as_attribute: bool = False,
) -> LogRecord:
    """A log record with its event name in the field, or in the attribute as older SDKs do."""
    values = {**(attributes or {}), **({"event.name": event} if as_attribute else {})}
    out = LogRecord(
        time_unix_nano=START_NS + round(at_s * 1e9),
        event_name="" if as_attribute else event,
        attributes=pairs(values),
        trace_id=b"" if trace is None else bytes.fromhex(trace),
        span_id=b"" if span_id is None else span_id.to_bytes(8, "big"),
    )
    if body is not None:
        out.body.CopyFrom(any_value(body))
    return out


def logs(*records: LogRecord, resource: Mapping[str, Any] = RESOURCE) -> ExportLogsServiceRequest:
    """A request with the records under one resource and scope."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(pairs(resource))
    inner = group.scope_logs.add()
    inner.scope.name = "app"
    inner.log_records.extend(records)
    return request


def views(*spans: Span, resource: Mapping[str, Any] = RESOURCE, scope: str = "app") -> list[SpanView]:
    """Views of spans."""
    return span_views(traces(*spans, resource=resource, scope=scope))


def records(*items: LogRecord) -> list[LogView]:
    """Views of log records."""
    return log_views(logs(*items))


def messages(*said: tuple[str, str]) -> str:
    """JSON of GenAI messages with one text part each."""
    return json.dumps([{"role": r, "parts": [{"type": "text", "content": t}]} for r, t in said])


def chat(
    asked: str = "What is a lightship?", answered: str = "A ship that is a lighthouse."
) -> dict[str, Any]:
    """Attributes of a plain chat in current GenAI form."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-11-20",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 8,
        "gen_ai.input.messages": messages(("user", asked)),
        "gen_ai.output.messages": messages(("assistant", answered)),
    }
