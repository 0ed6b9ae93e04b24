"""Records of a file to OTLP spans in OpenTelemetry GenAI form: the pure part of ``lightship import``.

Ids come from the file's hash, the line and the draw, never from content: importing the same file again sends
the same ids. Records are placed in time by a field of theirs, or drawn and spread over a span by a seed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from detectors.encodable import encodable
from infra.clock import NS_PER_S
from ingest.operations.importing.plan import ImportPlan, ImportRow, Placed, as_text, look_up, value_of

SCOPE = "lightship.import"

_OPERATIONS = {
    "text": "chat", "code": "chat", "rag": "chat", "image": "image_generation", "asr": "transcription",
}  # fmt: skip
_TEXT_ATTRIBUTES = {
    "provider": "gen_ai.provider.name",
    "user": "user.id",
    "conversation": "gen_ai.conversation.id",
    "prompt_name": "gen_ai.prompt.name",
    "prompt_version": "gen_ai.prompt.version",
}
_TOKEN_ATTRIBUTES = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
}


def span_ids(row: ImportRow, draw: int | None) -> tuple[bytes, bytes]:
    """Trace id and span id of a send."""
    text = f"{row.file_sha256}:{row.line}" if draw is None else f"{row.file_sha256}:{row.line}:{draw}"
    digest = hashlib.sha256(text.encode()).digest()
    return digest[:16], digest[16:24]


def to_span(row: ImportRow, placed: Placed, plan: ImportPlan) -> Span:
    """The span of one send; it ends at the event time."""
    trace_id, span_id = span_ids(row, placed.draw)
    get = _Getter(plan, row.record)
    duration_ns = round((get.number("duration_s") or 0.0) * NS_PER_S)
    kind = get.text("kind") or "chat"
    operation = _OPERATIONS.get(kind, kind)
    model = get.text("model")
    span = Span(
        trace_id=trace_id,
        span_id=span_id,
        name=f"{operation} {model}" if model else operation,
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=max(placed.at_ns - min(max(duration_ns, 0), placed.at_ns), 0),
        end_time_unix_nano=placed.at_ns,
    )
    add = span.attributes
    _put(add, "gen_ai.operation.name", operation)
    for key in ("gen_ai.request.model", "gen_ai.response.model") if model else ():
        _put(add, key, model)
    for key, attribute in _TEXT_ATTRIBUTES.items():
        _put(add, attribute, get.text(key))
    for key, attribute in _TOKEN_ATTRIBUTES.items():
        tokens = get.number(key)
        if tokens is not None:
            add.add(key=attribute).value.int_value = int(tokens)
    first_chunk_s = get.number("time_to_first_chunk_s")
    if first_chunk_s is not None:
        add.add(key="gen_ai.response.time_to_first_chunk").value.double_value = first_chunk_s
    _put_texts(span, get)
    for key, path in plan.fields.items():
        if "." in key:
            _put(add, key, _text_or_none(look_up(row.record, path)))
    return span


def _put_texts(span: Span, get: _Getter) -> None:
    add = span.attributes
    reason = get.text("finish_reason")
    if reason is not None:
        add.add(key="gen_ai.response.finish_reasons").value.array_value.values.add(string_value=reason)
    prompt = get.value("prompt")
    if prompt is not None:
        _put(add, "gen_ai.input.messages", json.dumps(_messages(prompt, "user"), ensure_ascii=False))
    output = get.text("output")
    if output is not None:
        said = {"role": "assistant", "parts": [{"type": "text", "content": output}]}
        _put(add, "gen_ai.output.messages", json.dumps([said], ensure_ascii=False))
    system = get.text("system_prompt")
    if system is not None:
        parts = [{"type": "text", "content": system}]
        _put(add, "gen_ai.system_instructions", json.dumps(parts, ensure_ascii=False))
    context = get.value("context")
    if context is not None:
        texts = context if isinstance(context, list) else [context]
        documents = [{"content": as_text(t)} for t in texts]
        _put(add, "gen_ai.retrieval.documents", json.dumps(documents, ensure_ascii=False))
    error = get.value("error")
    if error not in (None, False, 0, "", "0", "false"):
        kind = error.get("type") if isinstance(error, Mapping) else error
        span.status.code = span.status.STATUS_CODE_ERROR
        _put(add, "error.type", kind if isinstance(kind, str) else "error")


def _messages(prompt: Any, role: str) -> list[dict[str, Any]]:
    """A prompt as messages: text, or chat messages with ``role`` and ``content``."""
    items = prompt if isinstance(prompt, list) else [prompt]
    out = []
    for item in items:
        said, who = (item.get("content"), item.get("role")) if isinstance(item, Mapping) else (item, role)
        out.append({"role": str(who or role), "parts": [{"type": "text", "content": as_text(said)}]})
    return out


class _Getter:
    """Keys of one record, as the plan maps them."""

    def __init__(self, plan: ImportPlan, record: Mapping[str, Any]) -> None:
        self._plan = plan
        self._record = record

    def value(self, key: str) -> Any:
        """Value of a key, ``None`` if absent or empty."""
        return value_of(self._plan, self._record, key)

    def text(self, key: str) -> str | None:
        """Value as text."""
        return _text_or_none(self.value(key))

    def number(self, key: str) -> float | None:
        """Value as a finite number from 0 on."""
        value = self.value(key)
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        return number if 0 <= number < 1e15 else None


def _text_or_none(value: Any) -> str | None:
    return None if value is None else as_text(value)


def _put(attributes: Any, key: str, value: str | None) -> None:
    if value is not None:
        attributes.add(key=key).value.string_value = encodable(value)


@dataclass(frozen=True, slots=True)
class Portion:
    """Some sends as one request: from the send ``first`` up to ``next``, the latest event at ``event_ns``."""

    request: ExportTraceServiceRequest
    first: int
    next: int
    event_ns: int


def portions(
    rows: Sequence[ImportRow],
    placed: Sequence[Placed],
    plan: ImportPlan,
    *,
    start: int = 0,
    max_spans: int = 500,
    max_bytes: int = 1 << 20,
) -> Iterator[Portion]:
    """Requests in order of event time, from the send ``start`` on."""
    at = start
    while at < len(placed):
        request = ExportTraceServiceRequest()
        groups: dict[tuple[str | None, ...], Any] = {}
        first, size = at, 0
        while at < len(placed) and at - first < max_spans and size < max_bytes:
            row = rows[placed[at].row]
            span = to_span(row, placed[at], plan)
            size += span.ByteSize()
            _group(request, groups, plan, row.record).append(span)
            at += 1
        yield Portion(request, first, at, placed[at - 1].at_ns)


def _group(
    request: ExportTraceServiceRequest,
    groups: dict[tuple[str | None, ...], Any],
    plan: ImportPlan,
    record: Mapping[str, Any],
) -> Any:
    """Spans of the resource a record belongs to."""
    get = _Getter(plan, record)
    service = get.text("service") if "service" in plan.fields else None
    environment = get.text("environment") if "environment" in plan.fields else None
    release = get.text("release")
    key = (service or plan.service, environment or plan.environment, release)
    if key not in groups:
        holder = request.resource_spans.add()
        names = ("service.name", "deployment.environment.name", "service.version")
        for name, value in zip(names, key, strict=True):
            _put(holder.resource.attributes, name, value)
        inner = holder.scope_spans.add()
        inner.scope.name = SCOPE
        groups[key] = inner.spans
    return groups[key]
