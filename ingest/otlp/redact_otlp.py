"""Redaction of whole OTLP requests, in place, before anything is stored or sent on.

Every value is looked at, whatever its dialect: attribute values of all kinds and their keys, names, status,
trace state, links, events, bodies, schema URLs, entity references. Fields this build of the protocol does
not know are discarded. Attributes named ``lightship.*`` are ours alone: a client's are stripped, and each
span or log record gets ``lightship.redactions``, the JSON of what was removed from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from detectors.record import ToolCall
from detectors.redaction import Meter, OverBudget, Redactor, Report, Walker
from ingest.interaction import FieldRedaction, Interaction
from ingest.otlp.assembly.assemble import Judgement
from ingest.otlp.assembly.build import REDACTIONS
from ingest.otlp.dialects.legacy_events import CONTENT_EVENTS

Request = ExportTraceServiceRequest | ExportLogsServiceRequest

OWN_PREFIX = "lightship."
TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
_CACHED_LENGTH = 64
_CACHE_SIZE = 16_384


class RequestRedactor:
    """Redacts requests under one redactor, that of a tenant.

    Short values and keys in which nothing was found are remembered (models, services, keys of attributes
    come again with every span); nothing that was removed ever is. ``removed`` counts values by type since
    the last `take_counts`.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._clean: set[tuple[str, str]] = set()
        self._counts: dict[str, int] = {}
        self._allowance: Meter | None = None

    @property
    def version(self) -> str:
        """Policy version, for the header of a message."""
        return self._redactor.policy.version

    def take_counts(self) -> dict[str, int]:
        """Values removed by type since the last call."""
        counts, self._counts = self._counts, {}
        return counts

    def request(self, request: Request) -> None:
        """Redact a request in place."""
        for _ in self.steps(request):
            pass

    def within(self, request: Request, allowance: Meter) -> int:
        """Redact a request in place as far as ``allowance`` goes; the records beyond are taken out of it.

        Returns how many those are.
        """
        records, done = count_records(request), 0
        try:
            for _ in self.steps(request, allowance):
                done += 1
        except OverBudget:
            keep_first(request, done)
        return records - done

    def steps(self, request: Request, allowance: Meter | None = None) -> Iterator[None]:
        """Redact a request in place, pausing after each span or log record, for callers that share a thread.

        Nothing of the request may be used before the iterator is exhausted.

        Raises
        ------
        OverBudget
            If it costs more than ``allowance``: no more than the records paused after is redacted then.
        """
        request.DiscardUnknownFields()
        self._allowance = allowance
        try:
            yield from self._steps(request)
        finally:
            self._allowance = None

    def _steps(self, request: Request) -> Iterator[None]:
        if isinstance(request, ExportTraceServiceRequest):
            for resource_spans in request.resource_spans:
                self._resource(resource_spans.resource)
                resource_spans.schema_url = self.outer_text("schema_url", resource_spans.schema_url)
                for scope_spans in resource_spans.scope_spans:
                    self._scope(scope_spans.scope)
                    scope_spans.schema_url = self.outer_text("schema_url", scope_spans.schema_url)
                    for span in scope_spans.spans:
                        self._span(span)
                        yield
            return
        for resource_logs in request.resource_logs:
            self._resource(resource_logs.resource)
            resource_logs.schema_url = self.outer_text("schema_url", resource_logs.schema_url)
            for scope_logs in resource_logs.scope_logs:
                self._scope(scope_logs.scope)
                scope_logs.schema_url = self.outer_text("schema_url", scope_logs.schema_url)
                for record in scope_logs.log_records:
                    self._log(record)
                    yield

    def outer_text(self, field: str, value: str) -> str:
        """A text outside of any span or record; what is found there is counted, but reported nowhere."""
        if not value:
            return value
        walk = _Walk(self, Report())
        out = walk.text(field, value)
        self._count(walk.report)
        return out

    def _count(self, report: Report) -> None:
        for item in report.items():
            self._counts[item["type"]] = self._counts.get(item["type"], 0) + item["n"]

    def _finish(self, walk: _Walk, attributes: Any) -> None:
        """Add the report to the attributes, if there is anything to report."""
        if walk.report:
            self._count(walk.report)
            attributes.add(key=REDACTIONS).value.string_value = orjson.dumps(walk.report.items()).decode()

    def _resource(self, resource: Resource) -> None:
        walk = _Walk(self, Report())
        walk.attributes(resource.attributes)
        for reference in resource.entity_refs:
            reference.schema_url = walk.text("entity.schema_url", reference.schema_url)
            reference.type = walk.text("entity.type", reference.type)
            for keys in (reference.id_keys, reference.description_keys):
                keys[:] = [walk.text("entity.key", key) for key in keys]
        self._finish(walk, resource.attributes)

    def _scope(self, scope: InstrumentationScope) -> None:
        if not (scope.name or scope.attributes or scope.version):
            return
        walk = _Walk(self, Report())
        scope.name = walk.text("scope.name", scope.name)
        scope.version = walk.text("scope.version", scope.version)
        walk.attributes(scope.attributes)
        self._finish(walk, scope.attributes)

    def _span(self, span: Span) -> None:
        walk = _Walk(self, Report())
        span.name = walk.text("span.name", span.name)
        if span.trace_state:
            span.trace_state = walk.text("span.trace_state", span.trace_state)
        if span.status.message:
            span.status.message = walk.text("status.message", span.status.message)
        if len(span.parent_span_id) not in (0, SPAN_ID_BYTES):
            span.parent_span_id = b""
        walk.attributes(span.attributes)
        for event in span.events:
            event.name = walk.text("event.name", event.name)
            walk.attributes(event.attributes, event.name if event.name in CONTENT_EVENTS else None)
        for link in span.links:
            link.trace_state = walk.text("link.trace_state", link.trace_state)
            if len(link.trace_id) != TRACE_ID_BYTES:
                link.trace_id = b""
            if len(link.span_id) != SPAN_ID_BYTES:
                link.span_id = b""
            walk.attributes(link.attributes)
        self._finish(walk, span.attributes)

    def _log(self, record: LogRecord) -> None:
        walk = _Walk(self, Report())
        record.severity_text = walk.text("severity_text", record.severity_text)
        record.event_name = walk.text("event.name", record.event_name)
        if len(record.trace_id) not in (0, TRACE_ID_BYTES):
            record.trace_id = b""
        if len(record.span_id) not in (0, SPAN_ID_BYTES):
            record.span_id = b""
        named = record.event_name or next(
            (a.value.string_value for a in record.attributes if a.key == "event.name"), ""
        )
        walk.attributes(record.attributes)
        if record.HasField("body"):
            walk.value(named if named in CONTENT_EVENTS else "body", record.body, None)
        self._finish(walk, record.attributes)

    def interaction(self, interaction: Interaction) -> Interaction:
        """A second look at assembled texts: a value may have been split over parts or chunks.

        What this finds is added to the interaction's own report.
        """
        walk = _Walk(self, Report())
        changes: dict[str, Any] = {}
        seen: dict[tuple[str, str], str] = {}

        def text(field: str, value: str) -> str:
            """``value`` redacted; what stands in two fields (the answer, the first of the answers) once."""
            if (field, value) not in seen:
                seen[field, value] = walk.text(field, value)
            return seen[field, value]

        for name, field in _TEXTS.items():
            value = getattr(interaction, name)
            if isinstance(value, str):
                redacted: Any = text(field, value)
            elif value:
                redacted = tuple(text(field, v) for v in value)
            else:
                continue
            if redacted != value:
                changes[name] = redacted
        calls = tuple(
            ToolCall(c.name, walk.walker.redact_value("gen_ai.output.tool_calls", c.arguments), c.id)
            for c in interaction.tool_calls
        )
        if calls != interaction.tool_calls:
            changes["tool_calls"] = calls
        if not changes:
            return interaction
        found = tuple(FieldRedaction(i["field"], i["type"], i["n"]) for i in walk.report.items())
        return replace(interaction, redactions=(*(interaction.redactions or ()), *found), **changes)

    def judgement(self, judgement: Judgement) -> Judgement:
        """A judgement with its texts redacted."""
        walk = _Walk(self, Report())
        e = judgement.evaluation
        clean = replace(
            e,
            name=e.name and walk.text("gen_ai.evaluation.name", e.name),
            label=e.label and walk.text("gen_ai.evaluation.label", e.label),
            explanation=e.explanation and walk.text("gen_ai.evaluation.explanation", e.explanation),
            error=e.error and walk.text("error.type", e.error),
        )
        return replace(judgement, evaluation=clean)


_TEXTS = {
    "system_prompt": "gen_ai.system_instructions",
    "input_text": "gen_ai.input.assembled",
    "earlier_input_text": "gen_ai.earlier.assembled",
    "input_texts": "gen_ai.input.assembled",
    "output_texts": "gen_ai.output.assembled",
    "output_text": "gen_ai.output.assembled",
    "context_texts": "retrieval.assembled",
    "tool_results": "gen_ai.tool.call.result",
}
"""Texts of an interaction and the name under which a second look reports what it found."""


class _Walk:
    """One span's, record's or resource's walk, with its report."""

    __slots__ = ("_clean", "report", "walker")

    def __init__(self, owner: RequestRedactor, report: Report) -> None:
        self.report = report
        self.walker = Walker(owner._redactor, report, owner._allowance)  # noqa: SLF001  (one class in two halves)
        self._clean = owner._clean  # noqa: SLF001

    def text(self, field: str, value: str, key: str | None = None) -> str:
        """``value`` redacted; short clean ones come from memory."""
        if not value:
            return value
        if len(value) > _CACHED_LENGTH:
            return self.walker.redact_str(field, value, key)
        known = (field if key is None else key, value)
        clean = self._clean
        if known in clean:
            return value
        out = self.walker.redact_str(field, value, key)
        if out == value:
            if len(clean) >= _CACHE_SIZE:
                clean.clear()
            clean.add(known)
        return out

    def key(self, field: str, key: str) -> str:
        """A key redacted; clean ones come from memory."""
        known = ("", key)
        clean = self._clean
        if known in clean:
            return key
        out = self.walker.redact_key(field, key)
        if out == key and len(key) <= 4 * _CACHED_LENGTH:
            if len(clean) >= _CACHE_SIZE:
                clean.clear()
            clean.add(known)
        return out

    def attributes(self, pairs: Any, field: str | None = None) -> None:
        """Redact attributes in place and strip ours; ``field`` names them all in the report if given."""
        clean, strip = self._clean, False
        pair: KeyValue
        for pair in pairs:
            key = pair.key
            if key.startswith(OWN_PREFIX):
                strip = True
                continue
            if pair.key_strindex:
                pair.key_strindex = 0
            value = pair.value
            if ("", key) in clean:
                name = key
                said = value.string_value
                if said and len(said) <= _CACHED_LENGTH and (key, said) in clean:
                    continue  # both are known
            else:
                name = self.key(field or "attribute.key", key)
                if name != key:
                    pair.key = name
            self.value(field or name, value, key)
        if strip:
            kept = [p for p in pairs if not p.key.startswith(OWN_PREFIX)]
            del pairs[:]
            pairs.extend(kept)

    def value(self, field: str, value: AnyValue, key: str | None) -> None:
        """Redact a value of any kind in place; ``key`` is the key directly above it."""
        kind = value.WhichOneof("value")
        if kind == "string_value":
            old = value.string_value
            new = self.text(field, old, key)
            if new != old:
                value.string_value = new
        elif kind in ("int_value", "double_value"):
            number = getattr(value, kind)
            clean = self.walker.redact_number(field, number, key)
            if isinstance(clean, str):
                value.string_value = clean
        elif kind == "array_value":
            for item in value.array_value.values:
                self.value(field, item, key)
        elif kind == "kvlist_value":
            for pair in value.kvlist_value.values:
                name = pair.key
                clean_name = self.key(field, name)
                if clean_name != name:
                    pair.key = clean_name
                if pair.key_strindex:
                    pair.key_strindex = 0
                self.value(field, pair.value, name)
        elif kind == "bytes_value":
            old_bytes = value.bytes_value
            new_bytes = self.walker.redact_bytes(field, old_bytes, key)
            if new_bytes != old_bytes:
                value.bytes_value = new_bytes
        elif kind not in (None, "bool_value"):
            value.Clear()  # an index into a table that traces and logs do not have


def keep_first(request: Request, number: int) -> None:
    """Take all but the first records out of a request, and the resources and scopes without any."""
    is_traces = isinstance(request, ExportTraceServiceRequest)
    groups: Any = request.resource_spans if is_traces else request.resource_logs  # type: ignore[union-attr]
    for at, group in enumerate(groups):
        inner = group.scope_spans if is_traces else group.scope_logs
        for place, scope in enumerate(inner):
            records = scope.spans if is_traces else scope.log_records
            del records[number:]
            number -= len(records)
            if not number:
                del inner[place + 1 if records else place :]
                break
        if not number:
            del groups[at + 1 if inner else at :]
            break


def count_records(request: Request) -> int:
    """Spans or log records in a request."""
    if isinstance(request, ExportTraceServiceRequest):
        groups: Iterable[Sequence[Any]] = (s.spans for r in request.resource_spans for s in r.scope_spans)
    else:
        groups = (s.log_records for r in request.resource_logs for s in r.scope_logs)
    return sum(len(g) for g in groups)
