"""The telemetry of the apps, set up as their owners would: SDK, resource, real instrumentation."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from openinference.instrumentation.anthropic import AnthropicInstrumentor
from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from ingest.demo.schedule import CALLS, CALLS_RELEASES, COPILOT, STUDIO, SUPPORT

RELEASES = {SUPPORT: "4.12.0", COPILOT: "1.9.3", STUDIO: "0.8.2"}
"""``service.version`` of the apps; a prompt release changes the prompt version alone."""
COPIED = (
    "gen_ai.conversation.id",
    "gen_ai.prompt.name",
    "gen_ai.prompt.version",
    "gen_ai.agent.name",
    "user.id",
)
"""Baggage that every span of the support assistant carries."""

_CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


class BaggageAttributes(SpanProcessor):
    """Copies named baggage of the parent context onto each span.

    The OpenAI instrumentation offers no way to name the prompt of a call. OpenTelemetry's own answer is a
    baggage span processor; this is one with a list of allowed keys.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Set the attributes that the context has values for."""
        for key in self._keys:
            value = baggage.get_baggage(key, parent_context)
            if isinstance(value, str):
                span.set_attribute(key, value)


@contextlib.contextmanager
def instrumented(processors: Sequence[SpanProcessor]) -> Iterator[dict[str, TracerProvider]]:
    """Tracer providers by service name, of the call notes by release, with clients instrumented meanwhile.

    Message content is captured on spans. ``processors`` receive every span, after its baggage is copied.
    """
    before = os.environ.get(_CAPTURE)
    os.environ[_CAPTURE] = "span_only"
    providers = {service: _provider(service, release, processors) for service, release in RELEASES.items()}
    providers |= {release: _provider(CALLS, release, processors) for release in CALLS_RELEASES}
    openai, anthropic = OpenAIInstrumentor(), AnthropicInstrumentor()
    openai.instrument(tracer_provider=providers[SUPPORT])
    anthropic.instrument(tracer_provider=providers[COPILOT])
    try:
        yield providers
    finally:
        openai.uninstrument()
        anthropic.uninstrument()
        if before is None:
            del os.environ[_CAPTURE]
        else:
            os.environ[_CAPTURE] = before


def _provider(service: str, release: str, processors: Sequence[SpanProcessor]) -> TracerProvider:
    resource = Resource.create(
        {
            "service.name": service,
            "service.version": release,
            "deployment.environment.name": "demo",
        }
    )
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    for processor in (BaggageAttributes(COPIED), *processors):
        provider.add_span_processor(processor)
    return provider
