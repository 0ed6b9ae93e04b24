"""One model call, and one step around it, as every later stage sees them.

Times are ``int`` nanoseconds UTC inside and RFC 3339 outside. Absent is ``None``; a list that nothing was
sent for is an empty tuple. Texts are redacted unless the caller decoded with ``--raw``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from detectors.record import Record, Redaction, Step, ToolCall, asks_for_json

NS_PER_S = 1_000_000_000
UNKNOWN_SERVICE = "unknown_service"
"""OpenTelemetry's own name for a resource without ``service.name``."""
LONGEST_ARGUMENTS = 4096
"""Characters of a tool's arguments kept in a `ContextSpan`; longer ones become their hash."""


@dataclass(frozen=True, slots=True)
class CallError:
    """Why a call failed. ``type`` as the sender wrote it, ``http_status`` 100..599."""

    type: str | None = None
    message: str | None = None
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Someone's judgement of an interaction. ``error`` says why there is no score."""

    name: str | None
    score: float | None = None
    label: str | None = None
    explanation: str | None = None
    source: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class MediaPart:
    """A picture, recording or file of the ``prompt`` or ``output`` side, by reference; never its bytes.

    ``sha256`` and ``bytes`` are of what the telemetry carried.
    """

    side: str
    modality: str
    mime_type: str | None = None
    uri: str | None = None
    sha256: str | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class FieldRedaction:
    """``n`` values of ``type`` the redactor took out of one attribute (``field``)."""

    field: str
    type: str
    n: int


@dataclass(frozen=True, slots=True)
class Interaction:
    """One model call. Names and meanings are those of ``lightship decode`` (docs/contracts.md).

    ``sampling_probability`` is in (0, 1]; ``input_tokens`` includes cached ones. ``redactions`` is ``None``
    where no redactor has seen the span. It is not ``timed`` where a log record alone tells of it: it has a
    time, and nobody knows how long it took.
    """

    trace_id: str
    span_id: str
    start_ns: int
    end_ns: int
    kind: str = "inference"
    parent_span_id: str | None = None
    operation: str | None = None
    operation_raw: str | None = None
    modality: str = "text"
    time_to_first_chunk_s: float | None = None
    tenant: str = "default"
    lineage: str = "live"
    service: str = UNKNOWN_SERVICE
    environment: str | None = None
    service_version: str | None = None
    release: str | None = None
    trace_name: str | None = None
    agent_name: str | None = None
    synthetic: bool = False
    sampling_probability: float | None = None
    provider: str | None = None
    provider_raw: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    system_prompt: str | None = None
    system_prompt_hash: str | None = None
    context_texts: tuple[str, ...] = ()
    tool_definitions: tuple[Any, ...] = ()
    tool_results: tuple[str, ...] = ()
    request_parameters: Mapping[str, Any] = field(default_factory=dict)
    input_text: str | None = None
    input_texts: tuple[str, ...] | None = None
    n_input_messages: int | None = None
    earlier_input_text: str | None = None
    output_text: str | None = None
    output_texts: tuple[str, ...] | None = None
    revised_prompts: tuple[str, ...] = ()
    media: tuple[MediaPart, ...] = ()
    audio_duration_s: float | None = None
    no_speech_probability: float | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reasons: tuple[str, ...] = ()
    finish_reasons_raw: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    error: CallError | None = None
    conversation_id: str | None = None
    user: str | None = None
    prompt_name: str | None = None
    prompt_version: str | None = None
    evaluations: tuple[Evaluation, ...] = ()
    dialect: str | None = None
    content_from: str | None = None
    dropped_attributes: int = 0
    truncated: bool = False
    hidden: bool = False
    duplicate_spans: tuple[str, ...] = ()
    redactions: tuple[FieldRedaction, ...] | None = None
    clock_skew: bool = False
    timed: bool = True

    @property
    def interaction_id(self) -> str:
        """``<trace id hex>:<span id hex>``."""
        return f"{self.trace_id}:{self.span_id}"

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end, never negative; ``None`` where nobody knows."""
        return max(self.end_ns - self.start_ns, 0) / NS_PER_S if self.timed else None


@dataclass(frozen=True, slots=True)
class ContextSpan:
    """A span that is no model call: ``kind`` is ``agent``, ``tool``, ``chain``, ``retriever`` or ``other``.

    In the stream also ``duplicate``: a call that another span stands for (``duplicate_of``, if it is known).

    ``tool_arguments`` is canonical JSON (sorted keys), or ``sha256:<hex>`` of it past `LONGEST_ARGUMENTS`
    characters, so that equal calls are equal strings.
    """

    trace_id: str
    span_id: str
    start_ns: int
    end_ns: int
    kind: str
    name: str
    parent_span_id: str | None = None
    operation_raw: str | None = None
    agent_name: str | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None
    tool_arguments: str | None = None
    error: CallError | None = None
    tenant: str = "default"
    lineage: str = "live"
    service: str = UNKNOWN_SERVICE
    environment: str | None = None
    service_version: str | None = None
    release: str | None = None
    trace_name: str | None = None
    conversation_id: str | None = None
    user: str | None = None
    synthetic: bool = False
    sampling_probability: float | None = None
    redactions: tuple[FieldRedaction, ...] | None = None
    duplicate_of: str | None = None


def canonical_arguments(value: Any) -> str | None:
    """Canonical JSON of a tool's arguments, the same for equal arguments in any spelling."""
    if value is None:
        return None
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    if len(text) <= LONGEST_ARGUMENTS:
        return text
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


_FIELDS_OF_SIDES = {
    "tool_result": ("gen_ai.tool.call.result", "gen_ai.tool.message", "ai.toolCall.result"),
    "context": ("retrieval.", "reranker.", "gen_ai.retrieval."),
    "output": (
        "gen_ai.output.", "gen_ai.completion", "gen_ai.choice", "gen_ai.assistant.message",
        "gen_ai.content.completion", "gen_ai.tool.call.arguments", "llm.output_messages", "llm.choices",
        "output.", "ai.response.", "ai.result.", "ai.toolCall.args", "langfuse.observation.output",
        "traceloop.entity.output", "gcp.vertex.agent.llm_response", "mlflow.spanOutputs", "response_data",
    ),
    "prompt": (
        "gen_ai.input.", "gen_ai.prompt", "gen_ai.user.message", "gen_ai.system.message",
        "gen_ai.content.prompt", "llm.input_messages", "llm.prompt", "embedding.", "input.", "ai.prompt",
        "ai.value", "langfuse.observation.input", "traceloop.entity.input", "events",
        "gcp.vertex.agent.llm_request", "mlflow.spanInputs", "request_data",
    ),
}  # fmt: skip
"""Attributes that hold content, by their beginnings. ``gen_ai.system_instructions`` is left out on purpose:
an address in the instructions stands in every call and says nothing about one."""
_WHOLE_PAYLOADS = ("input.", "output.")


def redaction_side(name: str) -> str | None:
    """Side an attribute belongs to: ``prompt``, ``output``, ``context``, ``tool_result``, or none."""
    for side, beginnings in _FIELDS_OF_SIDES.items():
        if name.startswith(beginnings):
            return side
    return None


def sum_redactions(redactions: Sequence[FieldRedaction]) -> tuple[Redaction, ...]:
    """Counts by side and type; what was removed outside of the content belongs to no side.

    Some dialects send every text twice, as messages and as a whole payload (``input.value``): the payload
    counts only where no message did.
    """
    detailed = {redaction_side(r.field) for r in redactions if not r.field.startswith(_WHOLE_PAYLOADS)}
    counts: dict[tuple[str, str], int] = {}
    for r in redactions:
        side = redaction_side(r.field)
        if side is None or (side in detailed and r.field.startswith(_WHOLE_PAYLOADS)):
            continue
        counts[side, r.type] = counts.get((side, r.type), 0) + r.n
    return tuple(Redaction(side, type_, n) for (side, type_), n in sorted(counts.items()))


def to_record(interaction: Interaction) -> Record:
    """What scorers read of an interaction."""
    i = interaction
    prompt = i.input_text
    if prompt is None and i.input_texts:
        prompt = "\n".join(i.input_texts)
    return Record(
        prompt=prompt,
        output=i.output_text,
        system_prompt=i.system_prompt,
        context=i.context_texts,
        tool_results=i.tool_results,
        tool_calls=i.tool_calls,
        kind="embedding" if i.kind == "embedding" else i.operation or "chat",
        operation=i.operation,
        modality=i.modality,
        duration_s=i.duration_s,
        time_to_first_chunk_s=i.time_to_first_chunk_s,
        input_tokens=i.input_tokens,
        output_tokens=i.output_tokens,
        error=i.error is not None,
        finish_reason=i.finish_reasons[0] if i.finish_reasons else None,
        redactions=None if i.redactions is None else sum_redactions(i.redactions),
        model=i.response_model or i.request_model,
        cached_tokens=i.cached_tokens,
        ended_s=i.end_ns // NS_PER_S,
        tools=i.tool_definitions,
        wants_json=asks_for_json(i.request_parameters),
        audio_duration_s=i.audio_duration_s,
        no_speech_probability=i.no_speech_probability,
        images=max(
            sum(m.side == "output" and m.modality == "image" for m in i.media), len(i.revised_prompts)
        ),
        earlier_prompt=i.earlier_input_text,
    )


def to_step(span: Interaction | ContextSpan) -> Step:
    """One step of an agent's run, for the scores of whole traces."""
    if isinstance(span, Interaction):
        model = span.response_model or span.request_model
        tokens = (span.input_tokens, span.output_tokens)
        return Step("model", model, None, span.start_ns, span.end_ns, span.error is not None, *tokens)
    kind = span.kind if span.kind in ("agent", "tool") else "other"
    name = span.tool_name or span.name if kind == "tool" else span.agent_name or span.name
    return Step(kind, name, span.tool_arguments, span.start_ns, span.end_ns, span.error is not None)


def format_ns(at_ns: int) -> str:
    """RFC 3339 UTC with nanoseconds, as precise as OTLP: ``2026-11-24T02:05:00.123456789Z``."""
    seconds, rest = divmod(at_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


_LINE_KEYS = (
    "trace_id", "span_id", "parent_span_id", "kind", "operation", "operation_raw", "modality",
    "time_to_first_chunk_s", "tenant", "lineage", "service", "environment", "service_version", "release",
    "trace_name", "agent_name", "synthetic", "sampling_probability", "provider", "provider_raw",
    "request_model", "response_model", "response_id", "system_prompt", "system_prompt_hash", "input_text",
    "n_input_messages", "earlier_input_text", "output_text", "input_tokens", "output_tokens", "cached_tokens",
    "reasoning_tokens", "conversation_id", "user", "prompt_name", "prompt_version", "dialect", "content_from",
    "audio_duration_s", "no_speech_probability", "dropped_attributes", "truncated", "hidden",
)  # fmt: skip
_LINE_LISTS = (
    "context_texts",
    "tool_definitions",
    "tool_results",
    "finish_reasons",
    "finish_reasons_raw",
    "revised_prompts",
    "duplicate_spans",
)


def to_line(interaction: Interaction) -> dict[str, Any]:
    """JSON-ready line of ``lightship decode``, every key of the contract present."""
    i = interaction
    line: dict[str, Any] = {"interaction_id": i.interaction_id}
    line.update((key, getattr(i, key)) for key in _LINE_KEYS)
    line.update((key, list(getattr(i, key))) for key in _LINE_LISTS)
    line["start"] = format_ns(i.start_ns)
    line["duration_s"] = i.duration_s
    line["request_parameters"] = dict(i.request_parameters)
    line["input_texts"] = None if i.input_texts is None else list(i.input_texts)
    line["output_texts"] = None if i.output_texts is None else list(i.output_texts)
    line["tool_calls"] = [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in i.tool_calls]
    line["media"] = [asdict(m) for m in i.media]
    line["error"] = None if i.error is None else asdict(i.error)
    line["evaluations"] = [asdict(e) for e in i.evaluations]
    line["redactions"] = None if i.redactions is None else [asdict(r) for r in i.redactions]
    return line
