"""What one dialect read from one span or log record: any field may be missing.

Several dialects may describe the same span; `merge` takes each field from the first that has it, in the
order of `ingest.otlp.dialects.precedence`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ingest.interaction import Evaluation
from ingest.otlp.dialects.media import Media
from ingest.otlp.dialects.messages import Message

INFERENCE, EMBEDDING = "inference", "embedding"
AGENT, TOOL, CHAIN, RETRIEVER, OTHER = "agent", "tool", "chain", "retriever", "other"
CALLS = frozenset((INFERENCE, EMBEDDING))
"""Kinds that are interactions; the others are context."""


@dataclass(slots=True)
class Partial:
    """Fields as far as they are known.

    ``kind`` is what the sender says the span is, ``implied_kind`` what its attributes suggest where nobody
    says it. ``choices`` is how many alternative answers were asked for; ``one_answer`` says that several
    output messages are items of one answer (OpenAI's Responses API). ``copies_parent`` marks a span that
    repeats the call above it and is never a call by itself. ``lends`` marks a step whose content is that of
    the call inside it.
    """

    dialect: str
    kind: str | None = None
    implied_kind: str | None = None
    operation_raw: str | None = None
    operation: str | None = None
    provider_raw: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    time_to_first_chunk_s: float | None = None
    system: tuple[str, ...] | None = None
    messages_in: list[Message] | None = None
    messages_out: list[Message] | None = None
    input_texts: tuple[str, ...] | None = None
    images_out: tuple[str, ...] | None = None
    media_out: tuple[Media, ...] | None = None
    revised_prompts: tuple[str, ...] | None = None
    audio_duration_s: float | None = None
    no_speech_probability: float | None = None
    tool_definitions: tuple[Any, ...] | None = None
    request_parameters: Mapping[str, Any] | None = None
    finish_reasons_raw: tuple[str, ...] | None = None
    choices: int | None = None
    one_answer: bool | None = None
    output_type: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    error_type: str | None = None
    error_message: str | None = None
    http_status: int | None = None
    failed: bool | None = None
    conversation_id: str | None = None
    user: str | None = None
    prompt_name: str | None = None
    prompt_version: str | None = None
    agent_name: str | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None
    tool_arguments: Any = None
    documents: tuple[str, ...] | None = None
    evaluations: tuple[Evaluation, ...] | None = None
    environment: str | None = None
    release: str | None = None
    content_from: str | None = None
    truncated: bool | None = None
    hidden: bool | None = None
    copies_parent: bool | None = None
    lends: bool | None = None

    def has_content(self) -> bool:
        """Whether any message of the call is here, be it that its text was hidden."""
        return bool(self.messages_in or self.messages_out or self.input_texts or self.images_out)

    def only_counts(self) -> bool:
        """Whether it has tokens and nothing of a request or an answer: it sums up calls (AG2's usage)."""
        told = (
            self.request_model, self.response_id, self.finish_reasons_raw, self.request_parameters,
            self.tool_definitions, self.system, self.tool_name, self.failed, self.error_type,
        )  # fmt: skip
        counted = self.input_tokens is not None or self.output_tokens is not None
        implied = self.implied_kind == INFERENCE and self.operation_raw is None
        return counted and implied and not any(told) and not self.has_content()


_FIELDS = tuple(f.name for f in fields(Partial))


def merge(partials: Sequence[Partial]) -> Partial:
    """Each field from the first that has it; ``dialect`` from the first with a kind or content."""
    if len(partials) == 1:
        return partials[0]
    out = Partial(next((p.dialect for p in partials if p.kind or p.has_content()), partials[0].dialect))
    for name in _FIELDS[1:]:
        for partial in partials:
            value = getattr(partial, name)
            if value is not None:
                setattr(out, name, value)
                break
    return out
