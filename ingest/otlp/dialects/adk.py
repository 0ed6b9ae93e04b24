"""Google's Agent Development Kit: ``gcp.vertex.agent.llm_request`` and ``.llm_response`` of ``call_llm``.

Beside it stand a few ``gen_ai.*`` attributes; the tools of an agent are spans ``execute_tool …``.
"""

from __future__ import annotations

from typing import Any

from ingest.otlp.dialects.messages import structure_or_text
from ingest.otlp.dialects.partial import INFERENCE, TOOL, Partial
from ingest.otlp.dialects.payload import parameters, read_request, read_response, token_counts
from ingest.otlp.dialects.values import first, mapping, text
from ingest.otlp.views import SpanView

NAME = "google-adk"
FROM_ADK = "gcp.vertex.agent.*"
_V = "gcp.vertex.agent."


def read_span(span: SpanView) -> Partial | None:
    """What a span's ``gcp.vertex.agent.*`` attributes say, or ``None`` if it is no call and no tool."""
    a = span.attributes
    if span.name == "call_llm" or a.get(f"{_V}llm_request"):
        return _read_call(a)
    if a.get(f"{_V}tool_call_args"):
        arguments = structure_or_text(a[f"{_V}tool_call_args"])
        return Partial(NAME, kind=TOOL, tool_arguments=arguments, conversation_id=_session(a))
    session = _session(a)
    return Partial(NAME, conversation_id=session) if session else None


def _session(a: dict[str, Any]) -> str | None:
    return text(a.get(f"{_V}session_id"))


def _read_call(a: dict[str, Any]) -> Partial:
    given, answered = mapping(a.get(f"{_V}llm_request")), mapping(a.get(f"{_V}llm_response"))
    config = mapping(given.get("config"))
    request = read_request({**config, **given}) if given else None
    response = read_response(answered) if answered else None
    tokens = token_counts(first(answered, "usage_metadata", "usageMetadata"))
    reason = text(first(answered, "finish_reason", "finishReason"))
    p = Partial(
        NAME,
        kind=INFERENCE,
        operation="chat",
        request_model=request.model if request else None,
        request_parameters=parameters(config),
        input_tokens=tokens["input"],
        output_tokens=tokens["output"],
        cached_tokens=tokens["cached"],
        reasoning_tokens=tokens["reasoning"],
        finish_reasons_raw=(reason,) if reason else None,
        conversation_id=_session(a),
    )
    if request is not None:
        p.messages_in, p.system, p.tool_definitions = request.messages, request.system, request.tools
    if response is not None:
        p.messages_out = response.messages
        p.one_answer = True
    if p.has_content():
        p.content_from = FROM_ADK
    return p
