"""OpenLIT where it leaves GenAI: calls that failed before their attributes were set.

Its spans of Anthropic's and other clients get their attributes with the answer. A failed call then has
nothing but the name that the conventions ask for, ``{operation} {model}``.
"""

from __future__ import annotations

from ingest.otlp.dialects import canonical
from ingest.otlp.dialects.partial import EMBEDDING, INFERENCE, Partial
from ingest.otlp.views import SpanView

NAME = "openlit"
SCOPE = "openlit."
_OPERATIONS = {
    "chat": INFERENCE, "text_completion": INFERENCE, "image": INFERENCE, "audio": INFERENCE,
    "speech_to_text": INFERENCE, "embeddings": EMBEDDING,
}  # fmt: skip


def read_span(span: SpanView) -> Partial | None:
    """What the name and the scope of a span say, or ``None`` if its attributes do."""
    if not span.scope.startswith(SCOPE) or "gen_ai.operation.name" in span.attributes:
        return None
    operation, _, model = span.name.partition(" ")
    kind = _OPERATIONS.get(operation)
    if kind is None:
        return None
    client = span.scope.rsplit(".", 1)[-1]
    known = canonical.is_provider(client)
    return Partial(
        NAME,
        kind=kind,
        operation_raw=operation,
        provider_raw=client if known else None,
        request_model=model or None,
    )
