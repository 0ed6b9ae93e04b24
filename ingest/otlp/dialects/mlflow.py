"""MLflow tracing: ``mlflow.spanType``, ``mlflow.spanInputs`` and ``mlflow.spanOutputs``, each JSON.

The inputs are the arguments of the call as the client library takes them, the outputs what it returned.
"""

from __future__ import annotations

from typing import Any

import orjson

from ingest.otlp.dialects.messages import structure_or_text
from ingest.otlp.dialects.partial import AGENT, CHAIN, EMBEDDING, INFERENCE, OTHER, RETRIEVER, TOOL, Partial
from ingest.otlp.dialects.payload import parameters, read_request, read_response, take_media
from ingest.otlp.dialects.values import definitions, first, mapping, text, whole
from ingest.otlp.views import SpanView

NAME = "mlflow"
FROM_MLFLOW = "mlflow.span*"
_KINDS = {
    "LLM": INFERENCE, "CHAT_MODEL": INFERENCE, "EMBEDDING": EMBEDDING, "AGENT": AGENT, "TOOL": TOOL,
    "CHAIN": CHAIN, "WORKFLOW": CHAIN, "RETRIEVER": RETRIEVER, "RERANKER": RETRIEVER,
}  # fmt: skip


def read_span(span: SpanView) -> Partial | None:
    """What a span's ``mlflow.*`` attributes say, or ``None`` without a type."""
    a = span.attributes
    type_ = text(_plain(a.get("mlflow.spanType")))
    if type_ is None:
        return None
    p = Partial(NAME, kind=_KINDS.get(type_.upper(), OTHER), operation_raw=type_.lower())
    given, answered = _plain(a.get("mlflow.spanInputs")), _plain(a.get("mlflow.spanOutputs"))
    if p.kind == TOOL:
        p.tool_name = span.name
        p.tool_arguments = structure_or_text(given)
    elif p.kind in (INFERENCE, EMBEDDING):
        _read_call(p, a, given, answered)
    return p


def _read_call(p: Partial, a: dict[str, Any], given: Any, answered: Any) -> None:
    usage = mapping(_plain(a.get("mlflow.chat.tokenUsage")))
    p.input_tokens, p.output_tokens = whole(usage.get("input_tokens")), whole(usage.get("output_tokens"))
    p.cached_tokens = whole(first(usage, "cache_read_input_tokens", "cached_input_tokens"))
    p.provider_raw = text(_plain(first(a, "mlflow.llm.provider", "mlflow.message.format")))
    p.tool_definitions = definitions(_plain(a.get("mlflow.chat.tools")))
    request = read_request(given)
    p.request_model = request.model or text(_plain(a.get("mlflow.llm.model")))
    p.request_parameters = parameters(given)
    p.tool_definitions = p.tool_definitions or request.tools
    p.truncated = request.truncated or None
    if p.kind == EMBEDDING:
        p.input_texts = request.texts
    else:
        p.messages_in, p.system = request.messages, request.system
        response = read_response(answered)
        take_media(p, response)
        p.messages_out, p.images_out = response.messages, response.images
        p.response_id, p.response_model = response.id, response.model
        p.finish_reasons_raw = response.finish_reasons
        p.one_answer = response.one_answer or None
        p.truncated = response.truncated or p.truncated
    if p.has_content():
        p.content_from = FROM_MLFLOW


def _plain(value: Any) -> Any:
    """A value that MLflow has put into JSON, texts into quotation marks too."""
    if not isinstance(value, str) or value[:1] != '"':
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
