"""OpenTelemetry GenAI: ``gen_ai.*`` on spans and in ``…operation.details`` log records.

Read by attribute name, never by schema URL. Renamed attributes are accepted both ways. Source: the GenAI
semantic conventions (open-telemetry/semantic-conventions-genai), stages 1.28 to the unnumbered present.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.otlp.dialects import canonical
from ingest.otlp.dialects.messages import Message, read_messages, read_parts, structure_or_text
from ingest.otlp.dialects.partial import AGENT, CHAIN, EMBEDDING, INFERENCE, OTHER, RETRIEVER, TOOL, Partial
from ingest.otlp.dialects.values import at_least_0, definitions, first, real, share, text, texts, whole
from ingest.otlp.views import LogView, SpanView

NAME = "otel-genai"
FROM_MESSAGES = "gen_ai.*.messages"
FROM_DETAILS = "log:operation.details"
DETAILS_EVENTS = ("gen_ai.client.inference.operation.details", "gen_ai.client.operation.details")

_KINDS = {
    "chat": INFERENCE, "generate_content": INFERENCE, "text_completion": INFERENCE, "completion": INFERENCE,
    "responses": INFERENCE, "image": INFERENCE, "image_generation": INFERENCE, "generate_images": INFERENCE,
    "speech_to_text": INFERENCE, "transcription": INFERENCE, "text_to_speech": INFERENCE, "speech": INFERENCE,
    "audio_transcription": INFERENCE, "audio_speech": INFERENCE, "translation": INFERENCE,
    "message": INFERENCE, "messages": INFERENCE, "vision": INFERENCE, "moderation": OTHER,
    "embeddings": EMBEDDING, "embedding": EMBEDDING, "embed_content": EMBEDDING,
    "create_agent": AGENT, "invoke_agent": AGENT, "agent_step": AGENT, "plan": AGENT, "agent": AGENT,
    "execute_tool": TOOL, "tool": TOOL, "invoke_workflow": CHAIN, "execute_task": CHAIN, "workflow": CHAIN,
    "chain": CHAIN, "retrieval": RETRIEVER, "retrieve": RETRIEVER, "rerank": RETRIEVER, "vectordb": RETRIEVER,
    "fetch_response": OTHER,
}  # fmt: skip

_CALLS = frozenset(("chat", "completion", "responses", "transcription", "speech", "image"))

_PARAMETERS = {
    "gen_ai.request.temperature": "temperature", "gen_ai.request.top_p": "top_p",
    "gen_ai.request.top_k": "top_k", "gen_ai.request.max_tokens": "max_tokens", "gen_ai.request.seed": "seed",
    "gen_ai.request.choice.count": "choice_count", "gen_ai.request.stop_sequences": "stop_sequences",
    "gen_ai.request.frequency_penalty": "frequency_penalty", "gen_ai.request.stream": "stream",
    "gen_ai.request.presence_penalty": "presence_penalty", "gen_ai.is_streaming": "stream",
    "gen_ai.request.reasoning.level": "reasoning_level", "gen_ai.output.type": "output_type",
    "gen_ai.request.encoding_formats": "encoding_formats", "gen_ai.openai.request.seed": "seed",
    "gen_ai.embeddings.dimension.count": "dimensions", "gen_ai.request.is_stream": "stream",
    "llm.is_streaming": "stream",
}  # fmt: skip


def read_span(span: SpanView) -> Partial:
    """What the ``gen_ai.*`` attributes of a span say."""
    attributes = span.attributes
    for event in span.events:
        if event.name in DETAILS_EVENTS:  # Strands and others put on the span what belongs in a log record
            attributes = {**event.attributes, **attributes}
    partial = read_attributes(attributes, NAME)
    if partial.has_content():
        partial.content_from = FROM_MESSAGES
    return partial


def read_log(log: LogView) -> Partial:
    """What an ``…operation.details`` record says; older ones keep the fields in the body."""
    attributes = log.attributes
    if isinstance(log.body, dict):
        attributes = {**log.body, **attributes}
    partial = read_attributes(attributes, NAME)
    partial.error_type = text(attributes.get("error.type"))
    partial.error_message = text(first(attributes, "error.message", "exception.message"))
    partial.content_from = FROM_DETAILS
    return partial


def read_attributes(a: Mapping[str, Any], dialect: str) -> Partial:
    """The fields in a mapping of ``gen_ai.*`` keys."""
    operation = text(a.get("gen_ai.operation.name"))
    p = Partial(
        dialect,
        kind=_kind(operation),
        operation_raw=operation,
        operation="responses" if a.get("openai.api.type") == "responses" else None,
        provider_raw=text(first(a, "gen_ai.provider.name", "gen_ai.system")),
        request_model=text(a.get("gen_ai.request.model")),
        response_model=text(a.get("gen_ai.response.model")),
        response_id=text(a.get("gen_ai.response.id")),
        time_to_first_chunk_s=_first_chunk_s(a),
        tool_definitions=definitions(a.get("gen_ai.tool.definitions")),
        finish_reasons_raw=texts(a.get("gen_ai.response.finish_reasons")),
        choices=whole(a.get("gen_ai.request.choice.count")),
        output_type=text(a.get("gen_ai.output.type")),
        input_tokens=whole(first(a, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")),
        output_tokens=whole(first(a, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")),
        cached_tokens=whole(
            first(
                a,
                "gen_ai.usage.cache_read.input_tokens",
                "gen_ai.usage.cache_read_input_tokens",
                "gen_ai.usage.cached_input_tokens",
                "gen_ai.usage.details.cache_read_tokens",
                "gen_ai.usage.input_tokens.cached",
            )
        ),
        reasoning_tokens=whole(
            first(
                a,
                "gen_ai.usage.reasoning.output_tokens",
                "gen_ai.usage.reasoning_tokens",
                "gen_ai.usage.output_tokens.reasoning",
                "gen_ai.usage.details.reasoning_tokens",
                "gen_ai.usage.thinking_tokens",
            )
        ),
        conversation_id=text(a.get("gen_ai.conversation.id")),
        user=text(a.get("gen_ai.request.user")),
        prompt_name=text(a.get("gen_ai.prompt.name")),
        prompt_version=text(a.get("gen_ai.prompt.version")),
        agent_name=text(first(a, "gen_ai.agent.name", "agent_name")),
        tool_name=text(a.get("gen_ai.tool.name")),
        tool_call_id=text(a.get("gen_ai.tool.call.id")),
        revised_prompts=texts(a.get("gen_ai.content.revised_prompt")),  # OpenLIT
        audio_duration_s=at_least_0(a.get("gen_ai.audio.duration_secs")),
        no_speech_probability=share(a.get("gen_ai.audio.no_speech_probability")),
    )
    arguments = first(a, "gen_ai.tool.call.arguments", "tool_arguments")  # the latter: PydanticAI
    if arguments is not None:
        p.tool_arguments = structure_or_text(arguments)
    _read_content(p, a)
    p.request_parameters = {
        name: a[key] for key, name in _PARAMETERS.items() if a.get(key) not in (None, "")
    } or None
    if p.kind is None:
        p.implied_kind = _implied_kind(p)
    return p


def _read_content(p: Partial, a: Mapping[str, Any]) -> None:
    """Messages, system instructions and documents, with whether any of it was cut off."""
    cut = False
    if a.get("gen_ai.input.messages"):
        p.messages_in, cut = _messages(a["gen_ai.input.messages"], "user")
    if a.get("gen_ai.output.messages"):
        p.messages_out, cut_out = _messages(a["gen_ai.output.messages"], "assistant")
        cut = cut or cut_out
    if a.get("gen_ai.system_instructions"):
        p.system = read_instructions(a["gen_ai.system_instructions"])
    if a.get("gen_ai.retrieval.documents"):
        found = structure_or_text(a["gen_ai.retrieval.documents"])
        p.documents = read_documents(found)
    p.truncated = cut or None


def _messages(value: Any, role: str) -> tuple[list[Message] | None, bool]:
    messages, cut = read_messages(value, role)
    return messages or None, cut


def read_instructions(value: Any) -> tuple[str, ...] | None:
    """System instructions: an array of parts, the JSON of one, messages, or plain text."""
    found = structure_or_text(value)
    if isinstance(found, list):
        parts = [t for item in found for t in _instruction_texts(item)]
    else:
        parts = _instruction_texts(found)
    return tuple(parts) or None


def _instruction_texts(item: Any) -> list[str]:
    if isinstance(item, dict) and ("role" in item or "parts" in item):
        return [t for m in read_messages(item, "system")[0] if (t := m.text("\n"))]
    return [p.text for p in read_parts(item) if p.text]


def read_documents(value: Any) -> tuple[str, ...] | None:
    """Texts of retrieved documents in whatever mapping they come."""
    items = value if isinstance(value, list) else [value]
    out: list[str] = []
    for item in items:
        if isinstance(item, dict):
            inner = item.get("document", item)
            found = first(inner, "content", "text", "page_content") if isinstance(inner, dict) else inner
        else:
            found = item
        if isinstance(found, str) and found:
            out.append(found)
    return tuple(out) or None


def _kind(operation: str | None) -> str | None:
    if operation is None:
        return None
    lowered = operation.lower()
    if lowered.endswith(("_memory", "_memory_store")):
        return OTHER
    known = _KINDS.get(lowered)
    if known is None:  # chat.completions, message_create and the like
        known = EMBEDDING if canonical.operation(lowered) == "embedding" else None
        known = known or (INFERENCE if canonical.operation(lowered) in _CALLS else OTHER)
    return known


def _implied_kind(p: Partial) -> str | None:
    """A kind without ``gen_ai.operation.name``: it may be old, or evicted by an attribute limit."""
    if p.tool_name or p.tool_call_id:
        return TOOL
    if p.response_id or p.response_model or p.finish_reasons_raw or p.input_tokens is not None:
        return AGENT if p.agent_name and not p.response_id else INFERENCE
    if p.request_model:
        return INFERENCE
    return AGENT if p.agent_name else None


def _first_chunk_s(a: Mapping[str, Any]) -> float | None:
    """Seconds to the first chunk; OpenLIT's own attribute is the whole duration where nothing streamed."""
    found = real(
        first(a, "gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk")
    )
    if found is None and a.get("gen_ai.request.stream") is True:
        found = real(a.get("gen_ai.server.time_to_first_token"))
    return found if found is None or found >= 0 else None
