"""Payloads under names that several frameworks share, where nothing better was sent.

``request_data`` and ``response_data`` (Logfire's instrumentation of clients), ``gen_ai.prompt`` and
``gen_ai.completion`` as span attributes (the first stage of the conventions, Spring AI), ``input.value`` and
``output.value`` without the rest of OpenInference. By themselves only Logfire's make a span a call.
"""

from __future__ import annotations

from typing import Any

from ingest.otlp.dialects.partial import EMBEDDING, INFERENCE, Partial
from ingest.otlp.dialects.payload import (
    Request,
    Response,
    parameters,
    read_request,
    read_response,
    take_media,
    token_counts,
)
from ingest.otlp.dialects.values import first, mapping, structure, text
from ingest.otlp.views import SpanView

NAME = "generic"
HIDDEN = "__REDACTED__"
_GIVEN = ("request_data", "gen_ai.prompt", "gen_ai.request.prompt", "input.value", "llm.prompts")
_ANSWERED = (
    "response_data", "gen_ai.completion", "gen_ai.response.completion", "output.value", "llm.completions",
)  # fmt: skip


def read_span(span: SpanView) -> Partial | None:
    """What whole payloads on a span say, or ``None`` without any."""
    a = span.attributes
    asked, given = _payload(a, _GIVEN)
    said, answered = _payload(a, _ANSWERED)
    if (asked is None and said is None) or "openinference.span.kind" in a or HIDDEN in a.values():
        return None
    p = Partial(NAME)
    if asked == "request_data" and mapping(given).get("model"):
        _read_logfire(p, mapping(given), mapping(answered))
    request = read_request(given) if asked else Request()
    response = read_response(answered) if said else Response()
    p.messages_in, p.system, p.tool_definitions = request.messages, request.system, request.tools
    p.messages_out, p.images_out = response.messages, response.images
    p.response_id, p.finish_reasons_raw = response.id, response.finish_reasons
    take_media(p, response)
    p.one_answer = response.one_answer or None
    p.truncated = request.truncated or response.truncated or None
    if p.kind == EMBEDDING or a.get("gen_ai.operation.name") == "embeddings":
        p.input_texts = request.texts
        p.messages_in = p.messages_out = None
    p.content_from = (asked or said) if p.has_content() else None
    return p


def _payload(a: dict[str, Any], keys: tuple[str, ...]) -> tuple[str | None, Any]:
    for key in keys:
        value = a.get(key)
        if isinstance(value, str | list | dict) and value:
            return key, value
    return None, None


def _read_logfire(p: Partial, given: dict[str, Any], answered: dict[str, Any]) -> None:
    """A client's call as Logfire records it: the arguments, and the message or data it returned."""
    p.kind = EMBEDDING if "input" in given and "encoding_format" in given else INFERENCE
    p.request_model = text(given.get("model"))
    p.request_parameters = parameters(given)
    tokens = token_counts(structure(first(answered, "usage")) or {})
    p.input_tokens, p.output_tokens = tokens["input"], tokens["output"]
    p.cached_tokens, p.reasoning_tokens = tokens["cached"], tokens["reasoning"]
