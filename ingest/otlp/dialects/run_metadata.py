"""What LangChain's runs carry as metadata: who serves the model, whose call it is, of which conversation.

OpenInference sends it as the JSON of ``metadata``, others key by key, LangSmith under ``langsmith.metadata``.
"""

from __future__ import annotations

from ingest.otlp.dialects.partial import Partial
from ingest.otlp.dialects.values import first, mapping, text
from ingest.otlp.views import SpanView

NAME = "langchain-metadata"
_PREFIXES = ("metadata.", "langsmith.metadata.")


def read_span(span: SpanView) -> Partial | None:
    """What a span's metadata say, or ``None`` if it is nothing that is known."""
    told = mapping(span.attributes.get("metadata"))
    for prefix in _PREFIXES:
        given = {k.removeprefix(prefix): v for k, v in span.attributes.items() if k.startswith(prefix)}
        told = {**told, **given}
    p = Partial(
        NAME,
        provider_raw=text(told.get("ls_provider")),
        user=text(first(told, "user_id", "userId")),
        conversation_id=text(
            first(told, "session_id", "conversation_id", "thread_id", "sessionId", "threadId")
        ),
    )
    return p if p.provider_raw or p.user or p.conversation_id else None
