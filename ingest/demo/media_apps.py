"""Two more services: notes of telephone calls from their recordings, and pictures for the shop's banners.

They use OpenAI's client. Of it only OpenInference records transcriptions and pictures, in a package that is
not needed otherwise, so the spans are made here as that makes them (`tests/fixtures/otlp/openinference`): the
request and the answer as they are on the wire, the file itself never.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import openai
import orjson
from openinference.instrumentation import get_attributes_from_context, using_attributes
from opentelemetry.trace import Span, StatusCode, Tracer

CALLS_PROVIDER, CALLS_MODEL = "groq", "whisper-large-v3"
STUDIO_PROVIDER, STUDIO_MODEL = "azure", "gpt-image-1"
"""Who serves them through OpenAI's API: each app of the demonstration has a provider of its own."""
_KEY = "loopback"  # the loopback provider accepts any key
_JSON = "application/json"


class CallNotes:
    """Writes down telephone calls. ``tracers`` are those of its releases."""

    def __init__(self, url: str, tracers: Mapping[str, Tracer]) -> None:
        self._client = openai.OpenAI(api_key=_KEY, base_url=f"{url}/v1", max_retries=0, timeout=30.0)
        self._tracers = tracers

    def write_down(self, recording: str, language: str, *, release: str, session: str, user: str) -> str:
        """The words of a recording, by the name of its file."""
        asked = {"model": CALLS_MODEL, "language": language, "response_format": "verbose_json"}
        with (
            using_attributes(session_id=session, user_id=user),
            _call(self._tracers[release], "TranscriptionVerbose", CALLS_PROVIDER, asked) as span,
        ):
            file = (f"{recording}.wav", io.BytesIO(b"RIFF\x24\x00\x00\x00WAVEfmt "))
            answer = self._client.audio.transcriptions.create(
                file=file, model=CALLS_MODEL, language=language, response_format="verbose_json"
            )
            _answered(span, answer)
            return answer.text

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class BannerStudio:
    """Draws pictures for banners."""

    def __init__(self, url: str, tracer: Tracer) -> None:
        self._client = openai.OpenAI(api_key=_KEY, base_url=f"{url}/v1", max_retries=0, timeout=30.0)
        self._tracer = tracer

    def draw(self, prompt: str, n: int, *, account: str, session: str, user: str) -> list[str]:
        """Links to ``n`` pictures."""
        asked = {"model": STUDIO_MODEL, "prompt": prompt, "n": n, "size": "1536x1024"}
        with (
            using_attributes(session_id=session, user_id=user),
            _call(self._tracer, "ImagesResponse", STUDIO_PROVIDER, asked) as span,
        ):
            answer = self._client.images.generate(
                model=STUDIO_MODEL, prompt=prompt, n=n, size="1536x1024", user=account
            )
            _answered(span, answer)
            links = [d.url for d in answer.data or () if d.url]
            for i, link in enumerate(links):
                span.set_attribute(f"output.images.{i}.image.url", link)
            return links

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


@contextmanager
def _call(tracer: Tracer, name: str, provider: str, asked: Mapping[str, Any]) -> Iterator[Span]:
    request = orjson.dumps(asked).decode()
    attributes = {
        **dict(get_attributes_from_context()),
        "openinference.span.kind": "LLM",
        "llm.provider": provider,
        "llm.system": "openai",
        "llm.invocation_parameters": request,
        "input.value": request,
        "input.mime_type": _JSON,
    }
    with tracer.start_as_current_span(name, attributes=attributes) as span:
        yield span


def _answered(span: Span, answer: Any) -> None:
    span.set_attribute("output.value", answer.model_dump_json(exclude_none=True))
    span.set_attribute("output.mime_type", _JSON)
    span.set_status(StatusCode.OK)
