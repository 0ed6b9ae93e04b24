"""LiteLLM's callback ``otel``, of the SDK and of the proxy: where its spans leave GenAI.

In ``litellm_request`` tool calls are ``gen_ai.completion.N.function_call.*`` with N counting calls and not
choices, cached and reasoning tokens are only in ``metadata.usage_object`` (a Python literal), and the input
of a transcription is the checksum of the file. Its child ``raw_gen_ai_request`` repeats the call in the
provider's own fields, ``llm.<provider>.<field>``, each a Python literal.
"""

from __future__ import annotations

import ast
from typing import Any

import re2

from ingest.otlp.dialects import genai
from ingest.otlp.dialects.indexed import Indexed
from ingest.otlp.dialects.messages import TOOL_CALL, Message, Part, read_call
from ingest.otlp.dialects.partial import OTHER, Partial
from ingest.otlp.dialects.payload import parameters, read_request, read_response, take_media, token_counts
from ingest.otlp.dialects.values import first, mapping, text
from ingest.otlp.views import SpanView

NAME = "litellm"
SCOPE = "litellm"
REQUEST_SPAN, RAW_SPAN = "litellm_request", "raw_gen_ai_request"
FROM_RAW = "llm.<provider>.*"
LONGEST_LITERAL = 65_536
"""Characters of a Python literal that are parsed; parsing takes some 30 times its length in memory."""

_CHECKSUM = re2.compile(r"^[0-9a-f]{64}$")


def read_span(span: SpanView) -> Partial | None:
    """What LiteLLM says in its own way, or ``None`` if the span is not one of its calls."""
    if span.scope != SCOPE:
        return None
    if span.name == RAW_SPAN:
        return _read_raw(span)
    a = span.attributes
    if "gen_ai.operation.name" not in a and "llm.request.type" not in a:
        return None
    p = genai.read_span(span)
    p.dialect = NAME
    p.user = text(first(a, "llm.user", "metadata.user_api_key_end_user_id"))
    usage = literal(a.get("metadata.usage_object"))
    if isinstance(usage, dict):
        tokens = token_counts(usage)
        p.cached_tokens, p.reasoning_tokens = tokens["cached"], tokens["reasoning"]
    calls = [mapping(c.get("function_call")) for c in Indexed(a).items("gen_ai.completion")]
    parts = [Part(TOOL_CALL, call=read_call(c)) for c in calls if c.get("name")]
    if parts and p.messages_out and not any(m.has(TOOL_CALL) for m in p.messages_out):
        head = p.messages_out[0]
        p.messages_out[0] = Message("assistant", [*head.parts, *parts], head.finish_reason)
    if p.messages_in and all(_CHECKSUM.search(m.text() or "") for m in p.messages_in):
        p.messages_in = []
    return p


def _read_raw(span: SpanView) -> Partial:
    """The provider's own request and answer; which is which, the names of the fields tell."""
    body: dict[str, Any] = {}
    for key, value in span.attributes.items():
        head, _, field = key.rpartition(".")
        if head.startswith("llm.") and value not in (None, ""):
            body[field] = literal(value)
    request = read_request({k: v for k, v in body.items() if k not in ("content", "role", "text")})
    response = read_response({k: v for k, v in body.items() if k not in ("messages", "input")})
    p = Partial(
        NAME,
        kind=OTHER,
        copies_parent=True,
        response_model=text(body.get("model")) if body.get("id") else None,
        response_id=text(body.get("id")),
        system=request.system,
        messages_in=request.messages,
        messages_out=response.messages,
        images_out=response.images,
        tool_definitions=request.tools,
        request_parameters=parameters(body),
        finish_reasons_raw=response.finish_reasons,
        one_answer=response.one_answer or None,
    )
    p.input_texts = request.texts
    take_media(p, response)
    if p.has_content():
        p.content_from = FROM_RAW
    return p


def literal(value: Any) -> Any:
    """The value of a Python literal; other text, and what is too long, as it is."""
    if not isinstance(value, str) or len(value) > LONGEST_LITERAL or value[:1] not in ("[", "{"):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value
