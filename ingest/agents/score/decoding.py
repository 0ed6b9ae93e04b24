"""One raw message to spans or log records, with an account of what could not be read.

One bad record never costs the good ones in its message: what fails is found by reading records one by one,
and becomes a dead letter holding that record alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra.kafka import LOGS, SPANS
from ingest.envelope import Envelope, position_of, read_envelope, salvage_envelope
from ingest.errors import BadRecord
from ingest.messages import RawMessage
from ingest.otlp.assembly.assemble import EVALUATION_EVENT, Assembled, assemble_batch
from ingest.otlp.dialects.genai import DETAILS_EVENTS
from ingest.otlp.dialects.legacy_events import CONTENT_EVENTS
from ingest.otlp.views import LogView, SpanView, log_views, parse_logs, parse_traces, span_views
from ingest.topics.dead_letter import DeadLetter

T = TypeVar("T")

NOT_GENAI = "not_genai"
"""Log records that say nothing about a model call are not kept."""

BAD_SPAN, BAD_LOG = "bad_span", "bad_log"
"""Kinds of records that cannot be used, by their sender's mistake."""

DECODER_FAILED = "decoder_failed"
"""Kind of a record on which code of ours raised something that is no judgement on the record."""

_CONTENT = frozenset((EVALUATION_EVENT, *DETAILS_EVENTS, *CONTENT_EVENTS))


@dataclass(slots=True)
class Decoded:
    """What one message holds.

    ``received`` records were in it: ``spans`` or ``logs`` (with their place in the message) plus ``rejected``
    ones (by reason) plus those that ``dead`` letters stand for.
    """

    raw: RawMessage
    envelope: Envelope
    received: int = 0
    spans: list[tuple[int, SpanView]] = field(default_factory=list)
    logs: list[tuple[int, LogView]] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)


def decode_message(raw: RawMessage) -> Decoded:
    """Read a message; what can't be read is in ``dead`` and counted. Raises nothing for bad bytes."""
    try:
        envelope = read_envelope(raw.headers)
    except BadRecord as error:
        return _dead(raw, salvage_envelope(raw.headers), "headers", error)
    if raw.value and not envelope.redacted:
        return _dead(raw, envelope, "not_redacted", BadRecord("no redactor has seen the message"))
    out = Decoded(raw, envelope)
    try:
        if raw.topic == SPANS.name:
            _read_spans(out, parse_traces(raw.value))
        elif raw.topic == LOGS.name:
            _read_logs(out, parse_logs(raw.value))
        else:
            raise BadRecord(f"topic {raw.topic!r} is not one of {SPANS.name}, {LOGS.name}")
    except BadRecord as error:
        return _dead(raw, envelope, "not_otlp", error)
    return out


def _dead(raw: RawMessage, envelope: Envelope, kind: str, error: Exception) -> Decoded:
    """The whole message is a dead letter; its declared records are in the account."""
    out = Decoded(raw, envelope, received=envelope.declared)
    out.dead.append(DeadLetter(position_of(raw), envelope, kind, str(error), envelope.declared, raw.value))
    return out


def _read_spans(out: Decoded, request: ExportTraceServiceRequest) -> None:
    out.received = sum(len(scope.spans) for r in request.resource_spans for scope in r.scope_spans)
    views, _ = _tried(lambda: span_views(request))
    if len(views) == out.received:
        out.spans = list(enumerate(views))
        return
    for ordinal, alone in _each_span(request):
        found, error = _tried(partial(span_views, alone))
        if found:
            out.spans.append((ordinal, found[0]))
        else:
            nameless = BadRecord("the span has no trace id or no span id")
            dead_letter(out, ordinal, alone, BAD_SPAN, error or nameless)


def _read_logs(out: Decoded, request: ExportLogsServiceRequest) -> None:
    out.received = sum(len(scope.log_records) for r in request.resource_logs for scope in r.scope_logs)
    views, _ = _tried(lambda: log_views(request))
    numbered = list(enumerate(views))
    if len(views) != out.received:
        numbered = []
        for ordinal, alone in _each_log(request):
            found, error = _tried(partial(log_views, alone))
            if found:
                numbered.append((ordinal, found[0]))
            else:
                dead_letter(out, ordinal, alone, BAD_LOG, error or BadRecord("the log record is not one"))
    for ordinal, view in numbered:
        if view.event in _CONTENT:
            out.logs.append((ordinal, view))
        else:
            out.rejected[NOT_GENAI] = out.rejected.get(NOT_GENAI, 0) + 1


def dead_letter(out: Decoded, ordinal: int, alone: Any, kind: str, error: Exception) -> None:
    """Make a dead letter of one record, given as a request that holds it alone."""
    if kind in (BAD_SPAN, BAD_LOG) and not isinstance(error, BadRecord):
        kind = DECODER_FAILED
    reason = f"{type(error).__name__}: {error}"
    letter = DeadLetter(
        position_of(out.raw),
        out.envelope,
        kind,
        reason,
        1,
        alone.SerializeToString(deterministic=True),
        ordinal,
    )
    out.dead.append(letter)


def dead_letter_span(out: Decoded, trace_id: str, span_id: str, kind: str, error: Exception) -> None:
    """Make a dead letter of a span that was read but cannot be used."""
    for ordinal, alone in _each_span(parse_traces(out.raw.value)):
        span = alone.resource_spans[0].scope_spans[0].spans[0]
        if (span.trace_id.hex(), span.span_id.hex()) == (trace_id, span_id):
            dead_letter(out, ordinal, alone, kind, error)
            return


def dead_letter_log(out: Decoded, ordinal: int, kind: str, error: Exception) -> None:
    """Make a dead letter of a log record that was read but cannot be used."""
    for at, alone in _each_log(parse_logs(out.raw.value)):
        if at == ordinal:
            dead_letter(out, ordinal, alone, kind, error)
            return


def put_aside(out: Decoded, failed: Mapping[int, Exception]) -> None:
    """Make dead letters of records that were read well and fail later, by their place in the message."""
    each: Iterator[tuple[int, Any]]
    if out.raw.topic == SPANS.name:
        each = _each_span(parse_traces(out.raw.value))
    else:
        each = _each_log(parse_logs(out.raw.value))
    for ordinal, alone in each:
        if ordinal in failed:
            dead_letter(out, ordinal, alone, DECODER_FAILED, failed[ordinal])
    out.spans = [(n, view) for n, view in out.spans if n not in failed]
    out.logs = [(n, view) for n, view in out.logs if n not in failed]


def assemble_message(out: Decoded) -> Assembled:
    """Interactions and context of a message's spans by themselves; spans that can't be read are buried.

    Content that came in log records is joined afterwards (`ingest.agents.score.late_content`): which span
    stands for a call must not depend on what else has arrived by now.
    """
    e = out.envelope
    spans = [view for _, view in out.spans]
    assemble = partial(assemble_batch, tenant=e.tenant, lineage=e.lineage)
    assembled, error = _tried(lambda: [assemble(spans)])
    if error is None:
        return assembled[0]
    good: list[tuple[int, SpanView]] = []
    for ordinal, view in out.spans:
        _, fault = _tried(lambda: [assemble([view])])  # noqa: B023
        if fault is None:
            good.append((ordinal, view))
        else:
            dead_letter_span(out, view.trace_id, view.span_id, BAD_SPAN, fault)
    if len(good) == len(out.spans):  # only together do they fail: none can be told from the others
        for _, view in good:
            dead_letter_span(out, view.trace_id, view.span_id, BAD_SPAN, error)
        good = []
    out.spans = good
    return assemble([view for _, view in good])


def _tried(read: Callable[[], list[T]]) -> tuple[list[T], Exception | None]:
    """What reading gives, or what it raises: the record is not what it seems, or ours is a defect."""
    try:
        return read(), None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a record must cost no more than itself
        return [], error


def _each_span(request: ExportTraceServiceRequest) -> Iterator[tuple[int, ExportTraceServiceRequest]]:
    """Every span in a request of its own, with its resource and scope."""
    ordinal = 0
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                alone = ExportTraceServiceRequest()
                holder = alone.resource_spans.add(schema_url=resource_spans.schema_url)
                holder.resource.CopyFrom(resource_spans.resource)
                scope = holder.scope_spans.add(schema_url=scope_spans.schema_url)
                scope.scope.CopyFrom(scope_spans.scope)
                scope.spans.add().CopyFrom(span)
                yield ordinal, alone
                ordinal += 1


def _each_log(request: ExportLogsServiceRequest) -> Iterator[tuple[int, ExportLogsServiceRequest]]:
    """Every log record in a request of its own, with its resource and scope."""
    ordinal = 0
    for resource_logs in request.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                alone = ExportLogsServiceRequest()
                holder = alone.resource_logs.add(schema_url=resource_logs.schema_url)
                holder.resource.CopyFrom(resource_logs.resource)
                scope = holder.scope_logs.add(schema_url=scope_logs.schema_url)
                scope.scope.CopyFrom(scope_logs.scope)
                scope.log_records.add().CopyFrom(record)
                yield ordinal, alone
                ordinal += 1
