"""`KafkaSpanExporter`: spans as OTLP requests to ``otlp_spans_in``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext
from opentelemetry.trace.span import TraceState

from lightship_exporter.delivery import Delivery
from lightship_exporter.settings import SPANS_TOPIC, ExporterSettings
from lightship_exporter.values import fill_attributes, fill_scope, text


class KafkaSpanExporter(SpanExporter):
    """Writes batches of spans to Kafka. ``settings`` default to those of the environment.

    `export` encodes and returns: it waits for Kafka only when called by a flush of the batch processor.
    """

    def __init__(self, settings: ExporterSettings | None = None) -> None:
        self._delivery = Delivery(SPANS_TOPIC, settings)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand a batch over; FAILURE if some of it had to be dropped, or a flush was not over in time."""
        taken = self._delivery.take(spans, encode_spans)
        return SpanExportResult.SUCCESS if taken else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until Kafka has acknowledged everything; False if it has not in time."""
        return self._delivery.flush(timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Flush, then close; what Kafka has not acknowledged by then is dropped and said so."""
        self._delivery.close(timeout_millis / 1000)

    @property
    def dropped(self) -> int:
        """Spans that were given up so far."""
        return self._delivery.dropped


def encode_spans(spans: Sequence[ReadableSpan]) -> bytes:
    """Bytes of an ``ExportTraceServiceRequest``, grouped by resource and scope."""
    request = ExportTraceServiceRequest()
    resources: dict[Any, Any] = {}
    scopes: dict[Any, Any] = {}
    for span in spans:
        group = resources.get(span.resource)
        if group is None:
            group = resources[span.resource] = request.resource_spans.add()
            fill_attributes(group.resource.attributes, span.resource.attributes)
            group.schema_url = span.resource.schema_url or ""
        key = (span.resource, span.instrumentation_scope)
        inner = scopes.get(key)
        if inner is None:
            inner = scopes[key] = group.scope_spans.add()
            inner.schema_url = fill_scope(inner.scope, span.instrumentation_scope)
        _fill_span(inner.spans.add(), span)
    return request.SerializeToString()


def _fill_span(out: Span, span: ReadableSpan) -> None:
    _fill_context(out, span.get_span_context())
    if span.parent is not None:
        out.parent_span_id = span.parent.span_id.to_bytes(8, "big")
    out.name = text(span.name)
    out.kind = span.kind.value + 1  # type: ignore[assignment]  # the protocol counts from 1
    out.start_time_unix_nano = span.start_time or 0
    out.end_time_unix_nano = span.end_time or 0
    out.flags = _flags(span.parent)
    out.dropped_attributes_count = span.dropped_attributes
    out.dropped_events_count = span.dropped_events
    out.dropped_links_count = span.dropped_links
    fill_attributes(out.attributes, span.attributes)
    out.status.code = span.status.status_code.value  # type: ignore[assignment]
    out.status.message = text(span.status.description or "")
    for event in span.events:
        made = out.events.add(name=text(event.name), time_unix_nano=event.timestamp)
        fill_attributes(made.attributes, event.attributes)
        made.dropped_attributes_count = event.dropped_attributes
    for link in span.links:
        linked = out.links.add(flags=_flags(link.context))
        _fill_context(linked, link.context)
        fill_attributes(linked.attributes, link.attributes)
        linked.dropped_attributes_count = link.dropped_attributes


def _fill_context(out: Any, context: SpanContext | None) -> None:
    if context is not None:
        out.trace_id = context.trace_id.to_bytes(16, "big")
        out.span_id = context.span_id.to_bytes(8, "big")
        out.trace_state = _state(context.trace_state)


def _state(state: TraceState | None) -> str:
    return ",".join(f"{key}={value}" for key, value in (state or {}).items())


def _flags(context: SpanContext | None) -> int:
    """Whether a parent or linked span is of another process is known; bits of ``SpanFlags``."""
    flags = int(SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
    if context is not None and context.is_remote:
        flags |= int(SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
    return flags
