"""Sound, images and files in messages, by reference: where they lie, how large, which hash. Never bytes.

Bytes come as base64 in a part or as a ``data:`` link. What they hash to tells whether two calls had the same
recording or picture; the size, whether one was there at all. Both are of what arrived: an instrumentation
that cuts long values sends another file, or none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROMPT, OUTPUT = "prompt", "output"
LONGEST_LINK = 2000
MOST_PARTS = 32
"""Parts of one interaction that are kept."""

_DATA = "data:"
_BASE64 = ";base64"
_LEAST_BASE64 = 16
"""Fewer characters are a placeholder, not a file."""


@dataclass(frozen=True, slots=True)
class Media:
    """One part that is no text. ``uri`` is a link or the name of a file, without what follows ``?``.

    ``sha256`` (hexadecimal) and ``bytes`` are known only of parts that were sent whole.
    """

    modality: str
    mime_type: str | None = None
    uri: str | None = None
    sha256: str | None = None
    bytes: int | None = None


def media_of(
    modality: str, mime_type: Any = None, link: Any = None, content: Any = None, name: Any = None
) -> Media:
    """The reference to a part; values of unexpected types count as absent."""
    mime = mime_type if isinstance(mime_type, str) and mime_type else None
    data = content if isinstance(content, str) else None
    if isinstance(link, str) and link[: len(_DATA)].lower() == _DATA:
        head, _, data = link[len(_DATA) :].partition(",")
        mime = mime or head.removesuffix(_BASE64).partition(";")[0] or None
        link = None
    uri = link if isinstance(link, str) and link else name if isinstance(name, str) and name else None
    digest, size = _measured(data)
    return Media(modality, mime, _shown(uri), digest, size)


def _shown(uri: str | None) -> str | None:
    """A link as it is kept: signatures and tokens stand behind the question mark."""
    return None if uri is None else uri.partition("?")[0][:LONGEST_LINK] or None


def _measured(data: str | None) -> tuple[str | None, int | None]:
    """Hash and size of base64; neither if it is none."""
    if data is None or len(data) < _LEAST_BASE64:
        return None, None
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None, None
    return hashlib.sha256(raw).hexdigest(), len(raw)


@dataclass(frozen=True, slots=True)
class Sound:
    """What is known of a recording: seconds, and how likely (0..1) nobody speaks in it."""

    duration_s: float | None = None
    no_speech: float | None = None


def sound_of(body: Mapping[str, Any]) -> Sound | None:
    """What the answer of a transcription says of its recording; ``None`` if it is none, or says nothing.

    OpenAI's ``verbose_json`` has ``duration`` and, by segment, ``no_speech_prob``; other formats at most
    ``usage`` in seconds. Over segments the probability is their mean, weighted by their length.
    """
    if not isinstance(body.get("text"), str):
        return None
    duration_s = _seconds(body.get("duration"))
    usage = body.get("usage")
    if duration_s is None and isinstance(usage, Mapping) and usage.get("type") == "duration":
        duration_s = _seconds(usage.get("seconds"))
    found = Sound(duration_s, _no_speech(body.get("segments")))
    return None if found == Sound() else found


def _no_speech(segments: Any) -> float | None:
    weighted = total = 0.0
    for one in segments if isinstance(segments, list) else ():
        if not isinstance(one, Mapping):
            continue
        p = _seconds(one.get("no_speech_prob"))
        begin, end = _seconds(one.get("start")), _seconds(one.get("end"))
        if p is None or p > 1:
            continue
        length = end - begin if begin is not None and end is not None and end > begin else 1.0
        weighted += p * length
        total += length
    return weighted / total if total else None


def _seconds(value: Any) -> float | None:
    """A finite number of 0 or more, also as text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e9 else None
