"""An interaction with its scores, as it is stored; to a row of ``interactions`` and back.

The row is what later runs obey: which source position observed it, which position observed each score that
came later, and the values themselves. An observation made from a row read back equals the one made when it
was first stored, so numbers are held as the columns hold them (32-bit floats).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import orjson

from detectors.observation import SourcePosition
from detectors.record import Record, Redaction, ToolCall
from detectors.schema import CATEGORY_COLUMNS, SCORE_COLUMNS
from detectors.scorers.protocol import Scores
from infra.clock import NS_PER_S
from infra.kafka import LOGS
from ingest.event_time import MAX_NS, event_time
from ingest.interaction import CallError, Interaction, MediaPart, to_record
from ingest.repository.tables import INTERACTIONS, Row

SYSTEM_PROMPT = "system_prompt"
"""Stands among the late scores when the system prompt (a dimension) came late."""

PROMPT = "prompt"
"""Stands among the late scores when the prompt (of which observations hold a hash) came late."""

NAMES = ("agent_name", "trace_name")
"""Stand among the late scores when a span that came in another message gave the name."""

InteractionKey = tuple[str, str, str, str]
"""Tenant, lineage, trace id and span id."""

NOT_CAPTURED = "not captured by the app"
"""``text_absent`` of a call that came without any text: there is nothing to leave out."""

_COLUMNS = frozenset((*SCORE_COLUMNS, *CATEGORY_COLUMNS))
_U32 = 1 << 32
_U16 = 1 << 16


@dataclass(slots=True)
class StoredInteraction:
    """One interaction and everything decided about it.

    ``late`` maps scores observed after the span to the position that observed them; all others were observed
    at ``source``. ``revision`` counts the additions of content and names. ``text_absent`` says why text is
    not kept, ``prompt_hash`` tells repeated prompts also then. ``scope`` is the instrumentation scope of the
    span, ``sdk_language`` that of its resource, ``parameters`` those of the request in a line,
    as known with it.
    """

    interaction: Interaction
    source: SourcePosition
    received_ns: int
    observed: bool
    scores: Scores = field(default_factory=dict)
    late: dict[str, SourcePosition] = field(default_factory=dict)
    redactions: tuple[Redaction, ...] = ()
    revision: int = 0
    scorer_versions: str = ""
    settings_version: int = 0
    text_absent: str | None = None
    prompt_hash: int | None = None
    scope: str = ""
    sdk_language: str = ""
    parameters: str | None = None

    @property
    def key(self) -> InteractionKey:
        """What makes it the same interaction."""
        i = self.interaction
        return i.tenant, i.lineage, i.trace_id, i.span_id

    @property
    def of_event(self) -> bool:
        """Whether a log record made it; its span may have come later."""
        return self.source.topic == LOGS.name

    @property
    def event_ns(self) -> int:
        """Event time: the end of the span, or the time of the log record that made it, clamped."""
        i = self.interaction
        return event_time(i.start_ns if self.of_event else i.end_ns, self.received_ns, i.lineage)[0]

    def observed_at(self, position: SourcePosition) -> Scores:
        """The scores that ``position`` observes: those that came with the span, or those that came late."""
        if not self.late:
            return self.scores if position == self.source else {}
        at = self.late
        return {n: v for n, v in self.scores.items() if at.get(n, self.source) == position}

    def is_added_to_at(self, position: SourcePosition) -> bool:
        """Whether ``position`` added something that came late, names aside."""
        return any(at == position for name, at in self.late.items() if name not in NAMES)

    def known_at(self, name: str, position: SourcePosition) -> bool:
        """Whether a score (or another thing that may come late) was known when ``position`` was observed."""
        at = self.late.get(name)
        same = at is not None and (at.topic, at.partition) == (position.topic, position.partition)
        return at is None or (same and at.offset <= position.offset)


def position_text(position: SourcePosition) -> str:
    """``topic/partition/offset``."""
    return f"{position.topic}/{position.partition}/{position.offset}"


def read_position(text: str) -> SourcePosition:
    """Inverse of `position_text`."""
    topic, partition, offset = text.rsplit("/", 2)
    return SourcePosition(topic, int(partition), int(offset))


def canonical_scores(scores: Mapping[str, float | str]) -> Scores:
    """Numbers as a 32-bit column holds them; not-a-number and what is too large are left out."""
    out: Scores = {}
    for name, value in scores.items():
        if isinstance(value, str):
            out[name] = value
            continue
        try:
            number = struct.unpack("f", struct.pack("f", value))[0]
        except (OverflowError, struct.error):
            continue
        if number - number == 0:  # neither infinite nor not-a-number
            out[name] = number
    return out


def to_record_of(stored: StoredInteraction) -> Record:
    """What scorers read: the redactor's counts are those of the row, never guessed from text."""
    record = to_record(stored.interaction)
    return Record(
        record.prompt, record.output, record.system_prompt, record.context, record.tool_results,
        record.tool_calls, record.kind, record.operation, record.modality, record.duration_s,
        record.time_to_first_chunk_s, record.input_tokens, record.output_tokens, record.error,
        record.finish_reason, stored.redactions, record.model, record.cached_tokens, record.ended_s,
        record.tools, record.wants_json, record.audio_duration_s, record.no_speech_probability, record.images,
        record.earlier_prompt,
    )  # fmt: skip


def to_row(stored: StoredInteraction) -> Row:
    """Row of ``interactions``; texts are left out where ``text_absent`` says so."""
    i, scores, source = stored.interaction, stored.scores, stored.source
    keep = stored.text_absent is None
    prompt = i.input_text
    if prompt is None and i.input_texts:
        prompt = "\n".join(i.input_texts)
    error = i.error
    others = [(n, v) for n, v in scores.items() if n not in _COLUMNS]
    return (
        i.tenant, i.lineage, i.service, i.environment or "",
        min(i.start_ns, MAX_NS), i.trace_id, i.span_id, i.parent_span_id, i.kind, i.operation, i.modality,
        i.duration_s, i.time_to_first_chunk_s, i.service_version, i.release, i.trace_name, i.agent_name,
        i.prompt_name, i.prompt_version, i.provider, i.request_model, i.response_model, i.response_id,
        i.system_prompt_hash, i.conversation_id, i.user,
        *(scores.get(name) for name in CATEGORY_COLUMNS),
        error.type if error else None,
        error.message if error and (keep or stored.text_absent == NOT_CAPTURED) else None,
        _whole(error.http_status, _U16) if error else None,
        _whole(i.input_tokens, _U32), _whole(i.output_tokens, _U32),
        _whole(i.cached_tokens, _U32), _whole(i.reasoning_tokens, _U32),
        i.system_prompt if keep else None,
        prompt if keep else None,
        i.output_text if keep else None,
        _tool_calls(i.tool_calls) if keep else "[]",
        i.tool_results if keep else (),
        i.context_texts if keep else (),
        stored.text_absent, i.content_from,
        min(i.dropped_attributes, _U32 - 1), i.truncated, i.hidden,
        [r.side for r in stored.redactions],
        [r.type for r in stored.redactions],
        [min(r.n, _U16 - 1) for r in stored.redactions],
        *(scores.get(name) for name in SCORE_COLUMNS),
        {n: v for n, v in others if not isinstance(v, str)},
        {n: v for n, v in others if isinstance(v, str)},
        stored.scorer_versions, i.dialect or "", i.synthetic, i.sampling_probability,
        i.clock_skew or event_time(i.end_ns, stored.received_ns, i.lineage)[1],
        stored.observed, stored.settings_version, stored.revision,
        {name: position_text(p) for name, p in stored.late.items()},
        stored.prompt_hash, stored.scope, stored.sdk_language, stored.parameters,
        i.revised_prompts if keep else (),
        _media(i.media) if keep else "[]",
        i.audio_duration_s, i.no_speech_probability,
        source.topic, source.partition, source.offset, stored.received_ns,
    )  # fmt: skip


def from_row(row: Row) -> StoredInteraction:
    """Inverse of `to_row`, as far as rows hold it."""
    c = dict(zip(INTERACTIONS.names, row, strict=True))
    start_ns = int(c["start"])
    scores: Scores = {n: c[f"score_{n}"] for n in SCORE_COLUMNS if c[f"score_{n}"] is not None}
    scores |= {n: c[n] for n in CATEGORY_COLUMNS if c[n] is not None}
    scores |= {**c["other_scores"], **c["other_categories"]}
    error = None
    told = (c["error_type"], c["error_message"], c["http_status"])
    if scores.get("error") or any(v is not None for v in told):
        error = CallError(*told)
    same = (
        "trace_id", "span_id", "kind", "parent_span_id", "operation", "modality", "time_to_first_chunk_s",
        "tenant", "lineage", "service", "service_version", "release", "trace_name", "agent_name",
        "synthetic", "sampling_probability", "provider", "request_model", "response_model", "response_id",
        "system_prompt", "system_prompt_hash", "input_text", "output_text", "input_tokens", "output_tokens",
        "cached_tokens", "reasoning_tokens", "conversation_id", "prompt_name", "prompt_version",
        "content_from", "dropped_attributes", "truncated", "hidden", "audio_duration_s",
        "no_speech_probability", "clock_skew",
    )  # fmt: skip
    interaction = Interaction(
        start_ns=start_ns,
        end_ns=start_ns + round((c["duration_s"] or 0.0) * NS_PER_S),
        timed=c["duration_s"] is not None,
        environment=c["environment"] or None,
        user=c["user_id"],
        dialect=c["dialect"] or None,
        error=error,
        tool_calls=tuple(ToolCall(t["name"], t["arguments"], t["id"]) for t in orjson.loads(c["tool_calls"])),
        tool_results=tuple(c["tool_results"]),
        context_texts=tuple(c["context_texts"]),
        revised_prompts=tuple(c["revised_prompts"]),
        media=tuple(MediaPart(**m) for m in orjson.loads(c["media"])),
        finish_reasons=(c["finish_reason"],) if c["finish_reason"] else (),
        **{name: c[name] for name in same},
    )
    sides = zip(c["redactions.side"], c["redactions.type"], c["redactions.n"], strict=True)
    return StoredInteraction(
        interaction=interaction,
        source=SourcePosition(c["source_topic"], c["source_partition"], c["source_offset"]),
        received_ns=int(c["received_at"]),
        observed=c["observed"],
        scores=scores,
        late={name: read_position(text) for name, text in c["late_scores"].items()},
        redactions=tuple(Redaction(*r) for r in sides),
        revision=c["revision"],
        scorer_versions=c["scorer_versions"],
        settings_version=c["settings_version"],
        text_absent=c["text_absent"],
        prompt_hash=c["prompt_hash"],
        scope=c["scope"],
        sdk_language=c["sdk_language"],
        parameters=c["parameters"],
    )


def _whole(value: int | None, limit: int) -> int | None:
    """A whole number the column can hold, or absent: senders write anything."""
    return value if value is not None and 0 <= value < limit else None


def _media(parts: tuple[MediaPart, ...]) -> str:
    return orjson.dumps([asdict(m) for m in parts]).decode() if parts else "[]"


def _tool_calls(calls: tuple[ToolCall, ...]) -> str:
    if not calls:
        return "[]"
    found = [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in calls]
    return orjson.dumps(found, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
