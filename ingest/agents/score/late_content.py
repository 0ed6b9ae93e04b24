"""Joining an interaction with content that came in log records, before its span or after it.

With the span everything known by then is taken. After it, only what belongs to the text is added: the
dimensions by which the interaction was counted stay as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace

from detectors.observation import SourcePosition
from detectors.record import Redaction
from detectors.scorers.protocol import Scores
from ingest.interaction import Interaction, sum_redactions
from ingest.otlp.assembly.assemble import assemble_batch
from ingest.otlp.assembly.build import fill
from ingest.repository.content_record import ContentRecord
from ingest.repository.interaction import NOT_CAPTURED, PROMPT, SYSTEM_PROMPT, StoredInteraction

_TEXT_FIELDS = frozenset(
    (
        "system_prompt", "system_prompt_hash", "context_texts", "tool_definitions", "tool_results",
        "request_parameters", "input_text", "input_texts", "n_input_messages", "earlier_input_text",
        "output_text", "output_texts", "tool_calls", "finish_reasons", "finish_reasons_raw", "modality",
        "content_from", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens",
        "revised_prompts", "media", "audio_duration_s", "no_speech_probability",
    )
)  # fmt: skip
_FIXED = tuple(f.name for f in fields(Interaction) if f.name not in _TEXT_FIELDS)
_KEPT_TEXT = (
    "system_prompt", "context_texts", "tool_results", "input_text", "output_text", "tool_calls",
    "revised_prompts", "media",
)  # fmt: skip

_SPAN_FACTS = (
    "timed", "parent_span_id", "time_to_first_chunk_s", "service_version", "release", "trace_name",
    "agent_name", "prompt_name", "prompt_version", "provider", "request_model", "response_model",
    "response_id", "conversation_id", "user", "sampling_probability", "dropped_attributes",
)  # fmt: skip
"""What the span of a call adds that a log record made."""


def is_incomplete(interaction: Interaction) -> bool:
    """Whether log records could add the prompt or the output."""
    i = interaction
    no_input = i.input_text is None and not i.input_texts
    return no_input or (i.kind != "embedding" and i.output_text is None and not i.tool_calls)


def contents_of(records: Iterable[ContentRecord]) -> dict[str, Interaction]:
    """What records of one trace say of its spans, by span id."""
    views = [r.view for r in records if r.joins]
    return {c.span_id: c for c in assemble_batch([], views).contents} if views else {}


def with_content(interaction: Interaction, contents: Sequence[Interaction]) -> Interaction:
    """``interaction`` with the content known when its span came."""
    for content in contents:
        filled = fill(interaction, content)
        interaction = replace(filled, error=filled.error or content.error)
    return interaction


def redactions_of(base: Sequence[Redaction], contents: Iterable[Interaction]) -> tuple[Redaction, ...]:
    """Redactions of span and content; both may hold the same text, so of each kind the larger count stays."""
    counts = {(r.side, r.type): r.n for r in base}
    for content in contents:
        for r in sum_redactions(content.redactions or ()):
            counts[r.side, r.type] = max(counts.get((r.side, r.type), 0), r.n)
    return tuple(Redaction(side, type_, n) for (side, type_), n in sorted(counts.items()))


def add_late(base: StoredInteraction, content: Interaction) -> StoredInteraction:
    """``base`` with content that came after its span, not scored yet."""
    # rows hold none of these, and what is scored must not depend on where `base` was read
    read = replace(base.interaction, tool_definitions=(), request_parameters={}, earlier_input_text=None)
    filled = fill(read, content)
    kept = {name: getattr(base.interaction, name) for name in _FIXED}
    if base.interaction.error is not None and filled.error is not None:
        kept["error"] = replace(base.interaction.error, message=filled.error.message)
    return replace(
        base,
        interaction=replace(filled, **kept),
        redactions=redactions_of(base.redactions, [content]),
        scores={},
        late=dict(base.late),
    )


def settle_late(base: StoredInteraction, late: StoredInteraction, scores: Scores, at: SourcePosition) -> bool:
    """Finish ``late`` with the scores of its text; whether it differs from ``base``.

    What was observed before keeps its value. New scores are observed at ``at``.
    """
    new = {name: value for name, value in scores.items() if name not in base.scores}
    late.scores = {**base.scores, **new}
    late.late = {**base.late, **dict.fromkeys(new, at)}
    before, after = base.interaction, late.interaction
    prompted = before.system_prompt_hash is None and after.system_prompt_hash is not None
    if prompted:
        late.late[SYSTEM_PROMPT] = at
    asked = base.prompt_hash is None and late.prompt_hash is not None
    if asked:
        late.late[PROMPT] = at
    # text that is left out by choice can't be compared with what is stored: only new facts count then
    comparable = base.text_absent in (None, NOT_CAPTURED)
    changed = (
        bool(new)
        or prompted
        or asked
        or (comparable and any(getattr(before, n) != getattr(after, n) for n in _KEPT_TEXT))
        or (comparable and _message(before) != _message(after))
        or any(getattr(before, n) != getattr(after, n) for n in _SPAN_FACTS)
    )
    late.revision = base.revision + changed
    return changed


def _message(interaction: Interaction) -> str | None:
    return interaction.error.message if interaction.error is not None else None
