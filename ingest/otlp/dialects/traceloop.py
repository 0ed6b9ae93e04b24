"""OpenLLMetry's older form: ``gen_ai.prompt.N.*``, ``gen_ai.completion.N.*`` and ``llm.request.type``.

LiteLLM and others copied it. Every message is a few attributes, so a long chat passes the limit of 128
attributes; Python then evicts the oldest, the type of the request among them, and the completion alone
tells that this is a call. The newer form is plain GenAI with names of ``traceloop.*`` for what is around it.
"""

from __future__ import annotations

from typing import Any

from ingest.otlp.dialects.indexed import Indexed, items
from ingest.otlp.dialects.messages import Message, read_message, structure_or_text
from ingest.otlp.dialects.partial import AGENT, CHAIN, EMBEDDING, INFERENCE, RETRIEVER, TOOL, Partial
from ingest.otlp.dialects.values import first, structure, text
from ingest.otlp.views import SpanView

NAME = "traceloop"
FROM_INDEXED = "gen_ai.prompt.N"

_REQUEST_TYPES = {
    "chat": INFERENCE, "completion": INFERENCE, "embedding": EMBEDDING, "rerank": RETRIEVER,
}  # fmt: skip
_SPAN_KINDS = {"workflow": CHAIN, "task": CHAIN, "agent": AGENT, "tool": TOOL}
_KEYS = ("gen_ai.prompt.", "gen_ai.completion.", "llm.request.", "traceloop.")
_NS = 1e9
_CHUNKS = ("llm.content.completion.chunk", "gen_ai.content.completion.chunk")


def read_span(span: SpanView) -> Partial | None:
    """What the indexed and ``traceloop.*`` attributes of a span say."""
    a = span.attributes
    if not any(key.startswith(_KEYS) for key in a) and not span.events:
        return None
    request_type = text(a.get("llm.request.type"))
    entity = text(a.get("traceloop.span.kind"))
    numbered = Indexed(a)
    prompts = _messages(numbered, "gen_ai.prompt", "user")
    completions = _messages(numbered, "gen_ai.completion", "assistant")
    known = _REQUEST_TYPES.get(request_type.lower(), INFERENCE) if request_type else None
    if known is None and entity:
        known = _SPAN_KINDS.get(entity.lower())
    p = Partial(
        NAME,
        kind=known,
        implied_kind=INFERENCE if completions else None,
        operation_raw=request_type or entity,
        messages_in=prompts,
        messages_out=completions,
        tool_definitions=_functions(numbered),
        prompt_name=text(a.get("traceloop.prompt.key")),
        prompt_version=text(a.get("traceloop.prompt.version")),
        time_to_first_chunk_s=_first_chunk_s(span),
    )
    if completions:
        reasons = tuple(m.finish_reason for m in completions if m.finish_reason)
        p.finish_reasons_raw = reasons or None
        p.choices = len(completions)
    if known == EMBEDDING and prompts:
        p.input_texts = tuple(t for m in prompts if (t := m.text("\n"))) or None
    if known == TOOL:
        p.tool_name = text(first(a, "gen_ai.tool.name", "traceloop.entity.name"))
        p.tool_arguments = _arguments(a.get("traceloop.entity.input"))
    elif known == AGENT:
        p.agent_name = text(a.get("traceloop.entity.name"))
    if p.has_content():
        p.content_from = FROM_INDEXED
    told = known or p.implied_kind or p.prompt_name or p.prompt_version or p.tool_definitions
    return p if told or p.has_content() or p.time_to_first_chunk_s is not None else None


def _messages(numbered: Indexed, prefix: str, role: str) -> list[Message] | None:
    out = []
    for raw in numbered.items(prefix):
        calls = [c for c in items(raw.get("tool_calls")) if isinstance(c, dict)]
        out.append(read_message({**raw, "tool_calls": calls}, role))
    return out or None


def _functions(numbered: Indexed) -> tuple[Any, ...] | None:
    out = []
    for body in numbered.items("llm.request.functions"):
        if body.get("name"):
            schema = structure(first(body, "parameters", "input_schema"))
            out.append({"type": "function", "name": body["name"], "description": body.get("description"),
                        "parameters": schema})  # fmt: skip
    return tuple(out) or None


def _arguments(value: Any) -> Any:
    """A tool's arguments out of the call of the decorated function or LangChain's run."""
    body = structure_or_text(value)
    if not isinstance(body, dict):
        return body
    if "inputs" in body:
        return body["inputs"]
    args, kwargs = body.get("args"), body.get("kwargs")
    if isinstance(kwargs, dict) and kwargs and not args:
        return kwargs
    return body if kwargs or args is None else args


def _first_chunk_s(span: SpanView) -> float | None:
    times = [e.time_ns for e in span.events if e.name in _CHUNKS and e.time_ns >= span.start_ns]
    return (min(times) - span.start_ns) / _NS if times else None
