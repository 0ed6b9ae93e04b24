"""Vercel AI SDK's own attributes (``ai.*``), as sent before and beside its GenAI ones.

The outer span ``ai.generateText`` wraps the call ``ai.generateText.doGenerate``: only ``.doGenerate``,
``.doStream`` and ``.doEmbed`` are calls.
"""

from __future__ import annotations

from typing import Any

import orjson

from ingest.otlp.dialects.messages import TEXT, TOOL_CALL, Message, Part, read_call, structure_or_text
from ingest.otlp.dialects.partial import CHAIN, EMBEDDING, INFERENCE, TOOL, Partial
from ingest.otlp.dialects.payload import read_request
from ingest.otlp.dialects.values import definitions, first, real, structure, text, texts, whole
from ingest.otlp.views import SpanView

NAME = "vercel-ai"
FROM_AI = "ai.*"

_CALL_SUFFIXES = (".doGenerate", ".doStream", ".doEmbed", ".doTranscribe")
_MS = 1000.0


def read_span(span: SpanView) -> Partial | None:
    """What a span's ``ai.*`` attributes say, or ``None`` without ``ai.operationId``."""
    a = span.attributes
    operation = text(a.get("ai.operationId"))
    if operation is None:
        return None
    p = Partial(NAME, kind=_kind(operation), operation_raw=operation)
    p.prompt_name = text(a.get("ai.telemetry.functionId"))
    if p.kind == TOOL:
        p.tool_name = text(a.get("ai.toolCall.name"))
        p.tool_call_id = text(a.get("ai.toolCall.id"))
        p.tool_arguments = structure_or_text(first(a, "ai.toolCall.args", "ai.toolCall.input"))
    elif p.kind in (INFERENCE, EMBEDDING):
        _read_call(p, a)
    return p


def _kind(operation: str) -> str:
    if operation.endswith(_CALL_SUFFIXES):
        return EMBEDDING if operation.endswith(".doEmbed") else INFERENCE
    return TOOL if operation == "ai.toolCall" else CHAIN


def _read_call(p: Partial, a: dict[str, Any]) -> None:
    p.provider_raw = text(a.get("ai.model.provider"))
    p.request_model = text(a.get("ai.model.id"))
    p.response_model = text(a.get("ai.response.model"))
    p.response_id = text(a.get("ai.response.id"))
    reason = text(first(a, "ai.response.finishReason", "ai.finishReason"))
    p.finish_reasons_raw = (reason,) if reason else None
    p.input_tokens = whole(first(a, "ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"))
    p.output_tokens = whole(first(a, "ai.usage.outputTokens", "ai.usage.completionTokens"))
    p.cached_tokens = whole(
        first(a, "ai.usage.cachedInputTokens", "ai.usage.inputTokenDetails.cacheReadTokens")
    )
    p.reasoning_tokens = whole(
        first(a, "ai.usage.reasoningTokens", "ai.usage.outputTokenDetails.reasoningTokens")
    )
    first_chunk_ms = real(first(a, "ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"))
    p.time_to_first_chunk_s = None if first_chunk_ms is None else first_chunk_ms / _MS
    p.tool_definitions = definitions(a.get("ai.prompt.tools"))
    if p.kind == EMBEDDING:
        p.input_texts = _embedded(first(a, "ai.values", "ai.value"))
    else:
        _read_texts(p, a)
    if p.has_content():
        p.content_from = FROM_AI


def _read_texts(p: Partial, a: dict[str, Any]) -> None:
    given = first(a, "ai.prompt.messages", "ai.prompt")
    if given is not None:
        request = read_request(given)
        p.messages_in, p.system = request.messages, request.system
        p.truncated = request.truncated or None
    parts = []
    answer = first(a, "ai.response.text", "ai.response.object", "ai.result.text", "ai.result.object")
    if isinstance(answer, str):
        parts.append(Part(TEXT, answer))
    calls = structure(first(a, "ai.response.toolCalls", "ai.result.toolCalls"))
    if isinstance(calls, list):
        parts.extend(Part(TOOL_CALL, call=read_call(call)) for call in calls if isinstance(call, dict))
    if parts:
        p.messages_out = [Message("assistant", parts)]


def _embedded(value: Any) -> tuple[str, ...] | None:
    """Texts given to an embedding; each may be JSON of a text."""
    found = texts(value) or ()
    return tuple(_unquoted(t) for t in found) or None


def _unquoted(value: str) -> str:
    try:
        plain = orjson.loads(value) if value[:1] == '"' else value
    except orjson.JSONDecodeError:
        return value
    return plain if isinstance(plain, str) else value
