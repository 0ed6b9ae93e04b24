"""What every dialect leaves to OpenTelemetry itself: errors, identities, sampling, the resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import re2

from ingest.interaction import CallError
from ingest.otlp.dialects import canonical
from ingest.otlp.dialects.partial import Partial
from ingest.otlp.dialects.values import first, text, whole
from ingest.otlp.views import SpanView

CONVERSATION_KEYS = (
    "gen_ai.conversation.id", "session.id", "langfuse.session.id", "langfuse.trace.session_id",
    "traceloop.association.properties.session_id", "traceloop.association.properties.conversation_id",
    "traceloop.association.properties.thread_id", "ai.telemetry.metadata.sessionId",
    "ai.telemetry.metadata.session_id", "ai.telemetry.metadata.conversationId",
    "ai.telemetry.metadata.conversation_id", "ai.telemetry.metadata.chatId",
    "ai.settings.context.sessionId", "ai.settings.context.session_id", "ai.settings.context.conversationId",
    "ai.settings.context.conversation_id", "ai.settings.context.chatId",
)  # fmt: skip
USER_KEYS = (
    "user.id", "enduser.id", "langfuse.user.id", "langfuse.trace.user_id", "gen_ai.request.user",
    "traceloop.association.properties.user_id", "ai.telemetry.metadata.userId",
    "ai.telemetry.metadata.user_id", "ai.settings.context.userId", "ai.settings.context.user_id",
    "enduser.pseudo.id", "user.hash",
)  # fmt: skip

_STATUS = re2.compile(
    r"(?i)(?:error code|status[_ ]?code|status|http(?:/[0-9.]+)?|code)['\"]?"
    r"\s{0,2}[:=]?\s{0,2}([45][0-9]{2})\b"
)
_LEADING_STATUS = re2.compile(r"^\s*([45][0-9]{2})\b")
_AWS = re2.compile(r"^An error occurred \((\w{3,64})\) when calling")
_MESSAGE_HEAD = 4096
_TWO_56 = 1 << 56


def conversation_of(attributes: Mapping[str, Any]) -> str | None:
    """Conversation id under any of its names."""
    return text(first(attributes, *CONVERSATION_KEYS))


def user_of(attributes: Mapping[str, Any]) -> str | None:
    """User id under any of its names."""
    return text(first(attributes, *USER_KEYS))


def error_of(span: SpanView, partial: Partial) -> CallError | None:
    """Why the call failed, or ``None`` if nothing says that it did."""
    a = span.attributes
    named = partial.error_type or text(a.get("error.type"))
    if not (span.failed or partial.failed or named):
        return None
    message = span.status_message or partial.error_message
    for event in span.events:
        if event.name == "exception":
            named = named or text(event.attributes.get("exception.type"))
            message = message or text(event.attributes.get("exception.message"))
    message = message or text(first(a, "error.message", "exception.message"))
    return CallError(named, message or None, _status(a, partial, named, message))


def _status(
    a: Mapping[str, Any], partial: Partial, error_type: str | None, message: str | None
) -> int | None:
    sent = whole(first(a, "http.response.status_code", "http.status_code"))
    for found in (sent, partial.http_status, canonical.http_status_of(error_type)):
        if found is not None and 400 <= found < 600:
            return found
    head = (message or "")[:_MESSAGE_HEAD]
    match = _STATUS.search(head) or _LEADING_STATUS.search(head) or _AWS.search(head)
    if match is None:
        return None
    return int(match.group(1)) if match.group(1).isdigit() else canonical.http_status_of(match.group(1))


def environment_of(span_attributes: Mapping[str, Any], resource: Mapping[str, Any]) -> str | None:
    """Deployment environment, current name before the old one."""
    for source in (resource, span_attributes):
        found = text(
            first(source, "deployment.environment.name", "deployment.environment", "langfuse.environment")
        )
        if found:
            return found
    return None


def release_of(span_attributes: Mapping[str, Any], resource: Mapping[str, Any]) -> str | None:
    """``service.version``, else Langfuse's release."""
    return text(resource.get("service.version")) or text(
        first(span_attributes, "langfuse.release") or resource.get("langfuse.release")
    )


SYNTHETIC = "lightship.synthetic"
"""Attribute the gateway sets on what comes with a key for synthetic traffic; a client's own is stripped."""


def is_synthetic(span_attributes: Mapping[str, Any], resource: Mapping[str, Any]) -> bool:
    """Whether the sender says that no person is behind the call .

    By OTel's ``user_agent.synthetic.type``, on the span (from its baggage, say) or on the resource.
    """
    return any(
        source.get("user_agent.synthetic.type") or source.get(SYNTHETIC) is True
        for source in (span_attributes, resource)
    )


def sdk_language(resource: Mapping[str, Any]) -> str:
    """``telemetry.sdk.language`` of a resource, at most 40 characters; empty if it says none."""
    said = resource.get("telemetry.sdk.language")
    return said[:40] if isinstance(said, str) else ""


def sampling_probability(trace_state: str) -> float | None:
    """Probability with which the trace was kept, from ``ot=th:…`` (or the older ``p:…``) in tracestate.

    Source: OpenTelemetry, "TraceState: Probability Sampling". The threshold is 56 bits, trailing zeros left
    out; probability = (2^56 - T) / 2^56. ``None`` where nothing is said.
    """
    for member in trace_state.split(","):
        vendor, _, value = member.strip().partition("=")
        if vendor != "ot":
            continue
        for pair in value.split(";"):
            key, _, digits = pair.partition(":")
            if key == "th" and 0 < len(digits) <= 14 and all(c in "0123456789abcdef" for c in digits):
                return (_TWO_56 - int(digits.ljust(14, "0"), 16)) / _TWO_56
            if key == "p" and digits.isascii() and digits.isdigit() and int(digits[:3]) <= 62:
                return float(2.0 ** -int(digits[:3]))
    return None
