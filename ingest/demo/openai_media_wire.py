"""Bodies of OpenAI's audio and image APIs (https://platform.openai.com/docs/api-reference)."""

from __future__ import annotations

import re
from typing import Any

import orjson

from ingest.demo.media_texts import Transcript

_FIELD = re.compile(rb'name="(\w+)"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)\r\n')
_FILE = re.compile(rb'name="file"; filename="([^"\r\n]{1,200})"')
LANGUAGE_NAMES = {"en": "english", "es": "spanish", "de": "german", "fr": "french"}


def read_upload(body: bytes) -> tuple[str, dict[str, str]]:
    """Name of the file and the other fields of a multipart form.

    Raises
    ------
    ValueError
        If there is no file.
    """
    found = _FILE.search(body)
    if found is None:
        raise ValueError("the form has no file")
    fields = {k.decode(): v.decode("utf-8", "replace") for k, v in _FIELD.findall(body)}
    return found[1].decode("utf-8", "replace"), fields


def transcription(heard: Transcript, language: str) -> bytes:
    """A transcription with segments (``verbose_json``)."""
    segments: list[dict[str, Any]] = [
        {
            "id": i,
            "seek": 0,
            "start": round(s.start_s, 2),
            "end": round(s.end_s, 2),
            "text": f" {s.text}",
            "tokens": [],
            "temperature": 0.0,
            "avg_logprob": -0.25,
            "compression_ratio": 1.4,
            "no_speech_prob": round(s.no_speech, 4),
        }
        for i, s in enumerate(heard.segments)
    ]
    seconds = round(heard.duration_s, 2)
    return orjson.dumps(
        {
            "task": "transcribe",
            "language": LANGUAGE_NAMES[language],
            "duration": seconds,
            "text": heard.text,
            "segments": segments,
            "usage": {"type": "duration", "seconds": round(seconds)},
        }
    )


def images(links: list[str], revised_prompts: list[str]) -> bytes:
    """Links to pictures, with what was drawn."""
    data = [{"url": u, "revised_prompt": r} for u, r in zip(links, revised_prompts, strict=True)]
    return orjson.dumps({"created": 0, "data": data})
