"""OpenInference (Arize Phoenix): ``llm.*``, ``embedding.*``, ``input.value`` and ``openinference.span.kind``.

Source: Arize-ai/openinference, spec/semantic_conventions.md. Chains carry ``llm.input_messages`` too, so
the span kind alone says what is a call. ``__REDACTED__`` means the application hid the value; the whole
payload beside it may still hold the text in clear and is then not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import re2

from ingest.interaction import Evaluation
from ingest.otlp.dialects.indexed import Indexed, items
from ingest.otlp.dialects.messages import Message, read_message, structure_or_text
from ingest.otlp.dialects.partial import AGENT, CHAIN, EMBEDDING, INFERENCE, OTHER, RETRIEVER, TOOL, Partial
from ingest.otlp.dialects.payload import (
    Request,
    Response,
    parameters,
    read_request,
    read_response,
    take_media,
)
from ingest.otlp.dialects.values import definitions, first, mapping, real, text, whole
from ingest.otlp.views import SpanView

NAME = "openinference"
HIDDEN = "__REDACTED__"
FIRST_TOKEN = "First Token Stream Event"  # noqa: S105
_NS = 1e9
_ID_HEAD = re2.compile(r'^\s*\{\s*"id"\s*:\s*"([^"\\]{1,128})"')

_KINDS = {
    "LLM": INFERENCE, "EMBEDDING": EMBEDDING, "CHAIN": CHAIN, "TOOL": TOOL, "AGENT": AGENT,
    "RETRIEVER": RETRIEVER, "RERANKER": RETRIEVER,
}  # fmt: skip
_OPERATION_OF_NAME = {
    "Response": "responses", "Completion": "completion", "ImagesResponse": "image",
    "Transcription": "transcription", "TranscriptionVerbose": "transcription", "Translation": "transcription",
    "HttpxBinaryResponseContent": "speech",
}  # fmt: skip
"""Names the OpenAI instrumentation gives its spans."""
_JUDGEMENTS = (("annotations", "annotation"), ("evaluations", "evaluation"))
_INSTRUCTIONS = ('"system', '"instructions"', '"developer"', '"preamble"')
"""What JSON holds somewhere if it holds instructions."""
_NO_CALLS = ("._prepare_chat_with_tools",)
"""Ends of names of steps that LlamaIndex's instrumentation marks as calls and that call nothing."""


def read_span(span: SpanView) -> Partial | None:
    """What a span's OpenInference attributes say, or ``None`` if it has none."""
    a = span.attributes
    marker = a.get("openinference.span.kind")
    kind = None
    if isinstance(marker, str) and marker:
        kind = _KINDS.get(marker.upper(), OTHER)
        if span.name.endswith(_NO_CALLS):
            kind = OTHER
    p = Partial(NAME, kind=kind, operation_raw=marker.lower() if isinstance(marker, str) else None)
    llm = any(key.startswith(("llm.", "embedding.")) for key in a)
    if kind is None and not llm:
        return None
    if kind is None and ("llm.model_name" in a or any(k.startswith("llm.output_messages.") for k in a)):
        p.implied_kind = INFERENCE
    numbered = Indexed(a)
    _read_common(p, a, numbered)
    if kind in (INFERENCE, EMBEDDING) or p.implied_kind:
        _read_call(p, a, numbered, span)
    elif kind == TOOL:
        p.tool_name = text(first(a, "tool.name", "tool_call.function.name")) or span.name
        p.tool_call_id = text(first(a, "tool_call.id", "tool.id"))
        p.tool_arguments = structure_or_text(first(a, "tool_call.function.arguments", "input.value"))
    elif kind == RETRIEVER:
        p.documents = _documents(numbered)
    return p


def _read_common(p: Partial, a: Mapping[str, Any], numbered: Indexed) -> None:
    meta = mapping(a.get("metadata"))
    p.conversation_id = text(first(meta, "session_id", "conversation_id", "thread_id"))
    p.user = text(first(meta, "user_id"))
    p.agent_name = text(a.get("agent.name")) or (text(a.get("graph.node.id")) if p.kind == AGENT else None)
    p.prompt_name = text(first(a, "prompt.id", "prompt.name"))
    p.prompt_version = text(first(a, "llm.prompt_template.version", "prompt.version"))
    p.evaluations = _evaluations(numbered)


def _read_call(p: Partial, a: Mapping[str, Any], numbered: Indexed, span: SpanView) -> None:
    invoked = first(a, "llm.invocation_parameters", "embedding.invocation_parameters")
    named = first(a, "llm.model_name", "embedding.model_name")
    answered = "output.value" in a or any(k.startswith("llm.output_messages.") for k in a)
    p.provider_raw = text(first(a, "llm.provider", "llm.system"))
    p.request_model = text(first(a, "llm.request.model_name")) or text(mapping(invoked).get("model"))
    p.response_model = text(a.get("llm.response.model_name"))
    if p.response_model is None and (answered or not span.failed):
        p.response_model = text(named)
    if p.request_model is None and invoked is None and not span.dropped_attributes:
        p.request_model = text(named)  # the only model anyone named
    p.request_parameters = parameters(invoked)
    p.choices = whole(mapping(invoked).get("n"))
    p.operation = _OPERATION_OF_NAME.get(span.name)
    reason = text(a.get("llm.finish_reason"))
    p.finish_reasons_raw = (reason,) if reason else None
    p.input_tokens = whole(a.get("llm.token_count.prompt"))
    p.output_tokens = whole(a.get("llm.token_count.completion"))
    p.cached_tokens = whole(a.get("llm.token_count.prompt_details.cache_read"))
    p.reasoning_tokens = whole(a.get("llm.token_count.completion_details.reasoning"))
    p.tool_definitions = _tools(numbered)
    for event in span.events:
        if event.name == FIRST_TOKEN and event.time_ns >= span.start_ns:
            p.time_to_first_chunk_s = (event.time_ns - span.start_ns) / _NS
            break
    output = a.get("output.value")
    if isinstance(output, str):
        head = _ID_HEAD.search(output[:256])
        p.response_id = head.group(1) if head else None
    _read_texts(p, a, numbered)
    if p.has_content():
        p.content_from = "embedding.embeddings.N" if p.kind == EMBEDDING else "llm.*_messages.N"
    _fall_back(p, a)
    if p.images_out:
        p.operation = p.operation or "image"
    if p.operation == "responses" or (p.response_id or "").startswith("resp_"):
        p.one_answer = True
    elif p.messages_out:  # only the first choice's finish reason is sent
        p.choices = max(p.choices or 0, len(p.messages_out))


def _read_texts(p: Partial, a: Mapping[str, Any], numbered: Indexed) -> None:
    if HIDDEN in a.values():
        p.hidden = True
        numbered = Indexed({k: v for k, v in a.items() if v != HIDDEN})
    if p.kind == EMBEDDING:
        found = [mapping(e.get("embedding")).get("text") for e in numbered.items("embedding.embeddings")]
        p.input_texts = tuple(t for t in found if isinstance(t, str) and t) or None
        return
    p.messages_in = [_message(m, "user") for m in numbered.items("llm.input_messages")] or None
    p.messages_out = [_message(m, "assistant") for m in numbered.items("llm.output_messages")] or None
    if p.messages_in is None:
        prompts = [mapping(m.get("prompt")).get("text") for m in numbered.items("llm.prompts")]
        p.messages_in = [read_message({"content": t}, "user") for t in prompts if t] or None
    if p.messages_out is None:
        found = [mapping(m.get("completion")).get("text") for m in numbered.items("llm.choices")]
        p.messages_out = [read_message({"content": t}, "assistant") for t in found if t] or None
    images = [mapping(i.get("image")).get("url") for i in numbered.items("output.images")]
    p.images_out = tuple(u for u in images if isinstance(u, str) and u[:5] != "data:") or None


def _message(raw: Mapping[str, Any], role: str) -> Message:
    """A message from the nested form of its attributes."""
    body = mapping(raw.get("message"))
    content: Any = body.get("content")
    blocks = [c for c in items(body.get("contents")) if isinstance(c, dict)]
    if blocks and not content:
        content = [_block(b) for b in blocks]
    calls = [mapping(c.get("tool_call")) for c in items(body.get("tool_calls")) if isinstance(c, dict)]
    if not calls and body.get("function_call_name"):
        calls = [{"name": body["function_call_name"], "arguments": body.get("function_call_arguments_json")}]
    return read_message({"role": body.get("role"), "content": content, "tool_calls": calls}, role)


def _block(raw: Mapping[str, Any]) -> dict[str, Any]:
    inner = mapping(raw.get("message_content"))
    if isinstance(raw.get("tool_call"), dict):
        return {"type": "tool_call", **raw["tool_call"]}
    image = mapping(mapping(inner.get("image")).get("image"))
    audio = mapping(mapping(inner.get("audio")).get("audio"))
    if image or audio:
        return {"type": "image" if image else "audio", "url": first(image or audio, "url")}
    if "tool_call" in inner:
        return {"type": "tool_call", **mapping(inner["tool_call"])}
    return {"type": inner.get("type", "text"), **inner}


def _fall_back(p: Partial, a: Mapping[str, Any]) -> None:
    """Read the whole payloads for what no attribute gave, unless the application hid that side."""
    input_hidden = _is_hidden(a, "llm.input_messages.", "input.value", "embedding.embeddings.")
    output_hidden = _is_hidden(a, "llm.output_messages.", "output.value")
    given = a.get("input.value") or first(a, "llm.invocation_parameters", "embedding.invocation_parameters")
    if p.messages_in is None and p.input_texts is None and not input_hidden and given:
        request: Request = read_request(given)
        if p.kind == EMBEDDING:
            p.input_texts = request.texts
        else:
            p.messages_in, p.system = request.messages, request.system
        p.request_model = p.request_model or request.model
        p.tool_definitions = p.tool_definitions or request.tools
        p.truncated = request.truncated or p.truncated
        p.content_from = p.content_from or ("input.value" if p.has_content() else None)
    elif p.kind != EMBEDDING and not input_hidden and given and _lacks_instructions(p, given):
        request = read_request(given)
        said_first = [t for m in request.messages or () if m.role == "system" and (t := m.text("\n"))]
        p.system = request.system or tuple(said_first) or None
    said = any(m.parts for m in p.messages_out or ())  # a refusal, or sound, is in the payload alone
    wants_output = not said and p.images_out is None and p.kind != EMBEDDING and p.operation != "speech"
    if p.images_out and not output_hidden and a.get("output.value"):  # what was drawn stands there alone
        take_media(p, read_response(a["output.value"]))
    if wants_output and not output_hidden and a.get("output.value"):
        response: Response = read_response(a["output.value"])
        take_media(p, response)
        p.messages_out, p.images_out = response.messages or p.messages_out, response.images
        p.finish_reasons_raw = p.finish_reasons_raw or response.finish_reasons
        p.response_id = p.response_id or response.id
        p.response_model = p.response_model or response.model
        p.one_answer = response.one_answer or None
        p.truncated = response.truncated or p.truncated
        p.content_from = p.content_from or ("output.value" if p.has_content() else None)


def _lacks_instructions(p: Partial, given: Any) -> bool:
    """Whether instructions may stand in the payload that the messages beside it do not hold."""
    if p.system or any(m.role == "system" for m in p.messages_in or ()):
        return False
    return not isinstance(given, str) or any(name in given for name in _INSTRUCTIONS)


def _is_hidden(a: Mapping[str, Any], *prefixes: str) -> bool:
    return any(v == HIDDEN and k.startswith(prefixes) for k, v in a.items())


def _tools(numbered: Indexed) -> tuple[Any, ...] | None:
    schemas = [mapping(t.get("tool")).get("json_schema") for t in numbered.items("llm.tools")]
    return definitions([s for s in schemas if s])


def _documents(numbered: Indexed) -> tuple[str, ...] | None:
    found = [
        mapping(d.get("document")).get("content")
        for prefix in ("retrieval.documents", "reranker.output_documents")
        for d in numbered.items(prefix)
    ]
    return tuple(t for t in found if isinstance(t, str) and t) or None


def is_evaluator(span: SpanView) -> bool:
    """Whether a span is an evaluation of the span it links to."""
    return span.attributes.get("openinference.span.kind") == "EVALUATOR"


def _evaluations(numbered: Indexed) -> tuple[Evaluation, ...] | None:
    out = []
    for of, (many, one) in product(("", "trace.", "session."), _JUDGEMENTS):
        for item in numbered.items(of + many):
            body = mapping(item.get(one)) or item
            out.append(
                Evaluation(
                    name=text(body.get("name")),
                    score=real(body.get("score")),
                    label=text(body.get("label")),
                    explanation=text(body.get("explanation")),
                    source=text(body.get("annotator_kind")) or NAME,
                )
            )
    return tuple(out) or None
