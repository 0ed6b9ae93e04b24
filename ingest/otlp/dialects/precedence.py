"""Which dialects there are, and which of them is believed when two describe the same field.

A dialect is one file with a pure ``read_span(SpanView) -> Partial | None`` and one line here. Order is
precedence; log records of the same span come right after the current ``gen_ai.*`` attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.otlp.dialects import (
    adk,
    genai,
    generic,
    langfuse,
    legacy_events,
    litellm,
    mastra,
    mlflow,
    openinference,
    openlit,
    run_metadata,
    traceloop,
    vercel,
)
from ingest.otlp.dialects.partial import OTHER, Partial, merge
from ingest.otlp.views import SpanView


@dataclass(frozen=True, slots=True)
class Dialect:
    """A reader and the first key segments without which it can have nothing to say.

    ``scopes`` are beginnings of scope names that make it read a span, whatever its attributes.
    """

    name: str
    heads: frozenset[str]
    read: Callable[[SpanView], Partial | None]
    scopes: tuple[str, ...] = ()

    def concerns(self, span: SpanView, heads: set[str]) -> bool:
        """Whether the reader may have something to say about a span with these key segments."""
        return bool(heads & self.heads) or (bool(self.scopes) and span.scope.startswith(self.scopes))


BEFORE_LOGS: tuple[Dialect, ...] = (
    Dialect(langfuse.NAME, frozenset(("langfuse",)), langfuse.read_span),
    Dialect(litellm.NAME, frozenset(), litellm.read_span, (litellm.SCOPE,)),
    Dialect(mastra.NAME, frozenset(("mastra",)), mastra.read_span),
    Dialect(genai.NAME, frozenset(("gen_ai",)), genai.read_span),
)
AFTER_LOGS: tuple[Dialect, ...] = (
    Dialect(openinference.NAME, frozenset(("openinference", "llm", "embedding")), openinference.read_span),
    Dialect(traceloop.NAME, frozenset(("gen_ai", "llm", "traceloop")), traceloop.read_span),
    Dialect(vercel.NAME, frozenset(("ai",)), vercel.read_span),
    Dialect(mlflow.NAME, frozenset(("mlflow",)), mlflow.read_span),
    Dialect(adk.NAME, frozenset(("gcp",)), adk.read_span, ("gcp.vertex.agent",)),
    Dialect(openlit.NAME, frozenset(), openlit.read_span, (openlit.SCOPE,)),
    Dialect(
        generic.NAME,
        frozenset(("request_data", "response_data", "gen_ai", "input", "output", "llm")),
        generic.read_span,
    ),
    Dialect(run_metadata.NAME, frozenset(("metadata", "langsmith")), run_metadata.read_span),
)
LEGACY_EVENTS = legacy_events.read_span
"""Read from span events, so no attribute tells beforehand."""


def read_span(span: SpanView, from_logs: Sequence[Partial] = ()) -> Partial | None:
    """Everything known about a span, or ``None`` if no dialect recognises it.

    ``from_logs`` is what log records of the same span say.
    """
    heads = {key.partition(".")[0] for key in span.attributes}
    found = [p for d in BEFORE_LOGS if d.concerns(span, heads) and (p := d.read(span)) is not None]
    if span.events or "events" in heads:
        events = LEGACY_EVENTS(span)
        if events is not None:
            found.append(events)
    found.extend(from_logs)
    found.extend(p for d in AFTER_LOGS if d.concerns(span, heads) and (p := d.read(span)) is not None)
    if not found:
        return None
    merged = merge(found)
    if merged.kind is None and merged.only_counts() and not span.dropped_attributes:
        merged.implied_kind = OTHER
    if from_logs and any(p.has_content() for p in found):
        merged.content_from = _sources(found, from_logs)
    return merged


def merge_logs(from_logs: Sequence[Partial]) -> Partial:
    """What several log records of one span say, without the span."""
    merged = merge(from_logs)
    if len(from_logs) > 1:
        merged.content_from = _sources(from_logs, from_logs)
    return merged


def _sources(found: Sequence[Partial], from_logs: Sequence[Partial]) -> str | None:
    """``content_from`` of a call with log records: the span's own source, if it has content, then theirs."""
    logged = {id(p) for p in from_logs}
    own = next((p.content_from for p in found if id(p) not in logged and p.has_content()), None)
    names = [own, *(p.content_from for p in from_logs)]
    return "+".join(dict.fromkeys(n for n in names if n)) or None
