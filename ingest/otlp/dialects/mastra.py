"""Mastra (TypeScript): ``mastra.span.type`` beside GenAI attributes, and what the type stores in its name.

A ``model_generation`` holds ``model_step`` spans, these the ``model_inference`` that is the call. The call
has model and tokens; what was asked and what came of it stand on the step around it, which lends them
(`ingest.otlp.assembly.lending`). Of older versions the generation is the call. Source: @mastra/otel-exporter
1.4, gen-ai-semantics.ts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.otlp.dialects.langfuse import first_chunk_s
from ingest.otlp.dialects.messages import TEXT, TOOL_CALL, Message, Part, read_call, to_text
from ingest.otlp.dialects.partial import INFERENCE, OTHER, Partial
from ingest.otlp.dialects.payload import read_request
from ingest.otlp.dialects.values import first, mapping, text
from ingest.otlp.views import SpanView

NAME = "mastra"
FROM_STEP = "mastra.model_step.*"
_M = "mastra.metadata."
_CALLS = ("model_generation", "model_inference")
"""Types of which the exporter makes one the call, by its operation; the others are steps around or in it."""
_STEPS = ("model_step", "model_chunk", "processor_run", "generic")


def read_span(span: SpanView) -> Partial | None:
    """What a span's ``mastra.*`` attributes say, or ``None`` without ``mastra.span.type``."""
    a = span.attributes
    type_ = text(a.get("mastra.span.type"))
    if type_ is None:
        return None
    type_ = type_.lower()
    p = Partial(
        NAME,
        user=text(first(a, f"{_M}userId", f"{_M}user_id", f"{_M}user")),
        conversation_id=text(
            first(a, f"{_M}sessionId", f"{_M}session_id", f"{_M}threadId", f"{_M}conversationId")
        ),
        time_to_first_chunk_s=first_chunk_s(a.get("mastra.completion_start_time"), span.start_ns),
    )
    if type_ in _CALLS and a.get("gen_ai.operation.name") == "chat":
        p.kind, p.operation = INFERENCE, "chat"
    elif type_ in (*_CALLS, *_STEPS):
        p.kind = OTHER
    if type_ in ("model_step", "model_inference"):
        _read_content(p, a, f"mastra.{type_}.")
        p.lends = type_ == "model_step" or None
    return p


def _read_content(p: Partial, a: Mapping[str, Any], prefix: str) -> None:
    given, answered = a.get(f"{prefix}input"), mapping(a.get(f"{prefix}output"))
    if given:
        request = read_request(given)
        p.messages_in, p.system, p.tool_definitions = request.messages, request.system, request.tools
        p.truncated = request.truncated or None
    parts = []
    said = text(answered.get("text")) or to_text(answered.get("object"))
    if said:
        parts.append(Part(TEXT, said))
    calls = answered.get("toolCalls")
    found = [c for c in calls if isinstance(c, dict)] if isinstance(calls, list) else []
    parts.extend(Part(TOOL_CALL, call=read_call(call)) for call in found)
    if parts:
        p.messages_out = [Message("assistant", parts)]
    if p.has_content():
        p.content_from = f"{prefix}*"
