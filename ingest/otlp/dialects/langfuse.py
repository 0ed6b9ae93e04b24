"""Langfuse SDK: ``langfuse.observation.*`` (posted to ``/api/public/otel/v1/traces``).

``model.name`` is what was asked for when the call failed and what answered otherwise. A finish reason in
``metadata`` is the application's, not the dialect's, and is not read.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ingest.otlp.dialects.messages import structure_or_text
from ingest.otlp.dialects.partial import AGENT, CHAIN, EMBEDDING, INFERENCE, OTHER, RETRIEVER, TOOL, Partial
from ingest.otlp.dialects.payload import parameters, read_request, read_response, take_media, token_counts
from ingest.otlp.dialects.values import text
from ingest.otlp.views import SpanView

NAME = "langfuse"
FROM_OBSERVATION = "langfuse.observation.*"
_O = "langfuse.observation."

_KINDS = {
    "generation": INFERENCE, "embedding": EMBEDDING, "agent": AGENT, "tool": TOOL, "chain": CHAIN,
    "retriever": RETRIEVER, "span": OTHER, "event": OTHER, "evaluator": OTHER, "guardrail": OTHER,
}  # fmt: skip
_NS_PER_US = 1000
_NS = 1e9


def read_span(span: SpanView) -> Partial | None:
    """What a span's ``langfuse.*`` attributes say, or ``None`` if it is no observation."""
    a = span.attributes
    type_ = text(a.get(f"{_O}type"))
    if type_ is None:
        return None
    failed = a.get(f"{_O}level") == "ERROR"
    p = Partial(
        NAME,
        kind=_KINDS.get(type_.lower(), OTHER),
        operation_raw=type_,
        failed=failed or None,
        error_message=text(a.get(f"{_O}status_message")) if failed else None,
        prompt_name=text(a.get(f"{_O}prompt.name")),
        prompt_version=text(a.get(f"{_O}prompt.version")),
    )
    if p.kind in (INFERENCE, EMBEDDING):
        _read_call(p, span, failed=failed)
    elif p.kind == TOOL:
        p.tool_name = span.name
        p.tool_arguments = structure_or_text(a.get(f"{_O}input"))
    elif p.kind == AGENT:
        p.agent_name = span.name
    return p


def _read_call(p: Partial, span: SpanView, *, failed: bool) -> None:
    a = span.attributes
    model = text(a.get(f"{_O}model.name"))
    if failed:
        p.request_model = model
    else:
        p.response_model = model
    p.request_parameters = parameters(a.get(f"{_O}model.parameters"))
    tokens = token_counts(a.get(f"{_O}usage_details"))
    p.input_tokens, p.output_tokens = tokens["input"], tokens["output"]
    p.cached_tokens, p.reasoning_tokens = tokens["cached"], tokens["reasoning"]
    p.time_to_first_chunk_s = first_chunk_s(a.get(f"{_O}completion_start_time"), span.start_ns)
    given, answered = a.get(f"{_O}input"), a.get(f"{_O}output")
    if given:
        request = read_request(given)
        if p.kind == EMBEDDING:
            p.input_texts = request.texts or _texts(request.messages)
        else:
            p.messages_in, p.system = request.messages, request.system
        p.tool_definitions = request.tools
        p.truncated = request.truncated or None
    if answered and p.kind != EMBEDDING:
        response = read_response(answered)
        take_media(p, response)
        p.messages_out, p.images_out = response.messages, response.images
        p.response_id = response.id
        p.finish_reasons_raw = response.finish_reasons
        p.one_answer = response.one_answer or None
        p.truncated = response.truncated or p.truncated
    if p.has_content():
        p.content_from = FROM_OBSERVATION


def _texts(messages: Any) -> tuple[str, ...] | None:
    return tuple(t for m in messages or () if (t := m.text("\n"))) or None


def first_chunk_s(value: Any, start_ns: int) -> float | None:
    """Seconds from the start to an RFC 3339 time, which the SDK puts in quotation marks."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip().strip('"'))
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    whole_s = int(at.timestamp() // 1)
    at_ns = whole_s * 1_000_000_000 + at.microsecond * _NS_PER_US
    return (at_ns - start_ns) / _NS if at_ns >= start_ns else None
