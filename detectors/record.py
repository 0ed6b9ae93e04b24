"""What a scorer may read of one model call or one agent run.

A record holds redacted text and plain facts, nothing about transport or storage. Absent is ``None``
(or an empty tuple), never ``""`` or ``0``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SIDES = ("prompt", "output", "context", "tool_result")


@dataclass(frozen=True, slots=True)
class Redaction:
    """``n`` values of one ``type`` (``email``, ``card``, ``aws_access_key_id`` ...) removed from one side."""

    side: str
    type: str
    n: int


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool; ``arguments`` is parsed where it was JSON, else the text."""

    name: str | None
    arguments: Any = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One interaction as scorers see it; texts are redacted already.

    ``duration_s`` and ``time_to_first_chunk_s`` are seconds, token counts are whole numbers, ``error`` is
    ``None`` when the source cannot tell. ``redactions`` is the redactor's own report; ``None`` means the
    text never passed one. ``model`` is the one that answered, else the one that was asked for; ``ended_s`` is
    when the call ended, seconds since 1970; ``tools`` are the definitions of the tools on offer as they were
    sent, and ``wants_json`` tells that the request asked for JSON. ``audio_duration_s`` is how long a
    recording was, ``no_speech_probability`` how likely the recogniser says nobody speaks in it, ``images``
    how many an answer holds, ``earlier_prompt`` what the person wrote before, where the request says it.
    """

    prompt: str | None = None
    output: str | None = None
    system_prompt: str | None = None
    context: tuple[str, ...] = ()
    tool_results: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    kind: str = "chat"
    operation: str | None = None
    modality: str = "text"
    duration_s: float | None = None
    time_to_first_chunk_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    error: bool | None = None
    finish_reason: str | None = None
    redactions: tuple[Redaction, ...] | None = None
    model: str | None = None
    cached_tokens: int | None = None
    ended_s: int | None = None
    tools: tuple[Any, ...] = ()
    wants_json: bool = False
    audio_duration_s: float | None = None
    no_speech_probability: float | None = None
    images: int = 0
    earlier_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One span of an agent's run: a model call, a tool call, or other work; tokens are of model calls."""

    kind: str  # "model", "tool", "agent" or "other"
    name: str | None
    arguments: str | None  # canonical JSON of a tool's arguments
    start_ns: int
    end_ns: int
    error: bool
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """An agent's whole run as trace scorers see it; ``steps`` in order of start."""

    steps: Sequence[Step]
    start_ns: int
    end_ns: int
    attributes: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation as conversation scorers see it, when it has come to rest.

    ``turns`` are what was done for one prompt of a person each, ``calls`` the model calls they took,
    ``errors`` those that failed. ``repeats`` are turns whose prompt an earlier turn had; ``None`` where no
    prompt was seen. ``refusals`` of ``judged`` calls refused. Tokens are ``None`` where no call told them.
    ``objections``, ``requests_for_human`` and ``rephrasings`` are messages that object to an answer, ask for
    a person, ask the last question again; ``None`` where none was read for it. ``injection_rise`` and
    ``harm_rise`` (0..1) are how far the score of a message lies above that of one before it, at most.
    """

    turns: int
    calls: int
    errors: int
    ended_in_error: bool
    duration_s: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    repeats: int | None = None
    refusals: int = 0
    judged: int = 0
    objections: int | None = None
    requests_for_human: int | None = None
    rephrasings: int | None = None
    injection_rise: float | None = None
    harm_rise: float | None = None


def asks_for_json(parameters: Mapping[str, Any]) -> bool:
    """Whether the parameters of a request ask for JSON, as OpenTelemetry or as the OpenAI API has it."""
    format_ = parameters.get("response_format")
    kind = format_.get("type") if isinstance(format_, Mapping) else format_
    return kind in _JSON_FORMATS or parameters.get("output_type") == "json"


_JSON_FORMATS = ("json_object", "json_schema", "json")
