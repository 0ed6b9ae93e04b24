"""A span that is no model call, as it is stored; and any stored span as a step of its trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detectors.observation import SourcePosition
from detectors.record import Step
from infra.clock import NS_PER_S
from ingest.event_time import MAX_NS
from ingest.interaction import CallError, ContextSpan, Interaction, to_step
from ingest.repository.content_record import MAX_SHARED
from ingest.repository.interaction import StoredInteraction
from ingest.repository.tables import Row

_ATTRIBUTES = (
    "agent_name", "release", "service_version", "trace_name", "conversation_id", "user", "operation_raw",
    "tool_call_id", "duplicate_of",
)  # fmt: skip

CONTEXT_COLUMNS = (
    "service", "environment", "trace_id", "span_id", "parent_span_id", "kind", "name", "tool_name",
    "tool_arguments", "start", "duration_s", "error", "attributes", "source_topic", "source_partition",
    "source_offset",
)  # fmt: skip
INTERACTION_COLUMNS = (
    "service", "environment", "trace_id", "span_id", "parent_span_id", "trace_name", "conversation_id",
    "user_id", "synthetic", "request_model", "response_model", "start", "duration_s",
    "score_error", "error_type", "input_tokens", "output_tokens", "release", "prompt_version", "agent_name",
    "language", "late_scores",
    "source_topic", "source_partition", "source_offset",
)  # fmt: skip
"""What a step needs of a stored row."""


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One span of a trace: its step, where it came from, and what it says about the whole.

    ``ordinal`` orders spans of one message that start together.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    source: SourcePosition
    step: Step
    attributes: Mapping[str, str | None]


def to_row(span: ContextSpan, source: SourcePosition, received_ns: int) -> Row:
    """Row of ``context_spans``."""
    attributes = {n: value[:MAX_SHARED] for n in _ATTRIBUTES if (value := getattr(span, n)) is not None}
    if span.error is not None:
        attributes["error_type"] = span.error.type or ""
    if span.synthetic:
        attributes["synthetic"] = "true"
    return (
        span.tenant, span.lineage, span.service, span.environment or "", span.trace_id, span.span_id,
        span.parent_span_id, span.kind, span.name, span.tool_name, span.tool_arguments,
        min(span.start_ns, MAX_NS), max(span.end_ns - span.start_ns, 0) / NS_PER_S, span.error is not None,
        attributes, source.topic, source.partition, source.offset, received_ns,
    )  # fmt: skip


def step_of_context(span: ContextSpan, source: SourcePosition) -> TraceStep:
    """A context span as a step."""
    return TraceStep(
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        source,
        to_step(span),
        {
            "release": span.release,
            "agent_name": span.agent_name,
            "kind": span.kind,
            "name": span.name,
            **_whose(span),
        },
    )


def step_of_interaction(stored: StoredInteraction) -> TraceStep:
    """An interaction as a step."""
    i = stored.interaction
    language = stored.scores.get("language") if "language" not in stored.late else None
    return TraceStep(
        i.trace_id,
        i.span_id,
        i.parent_span_id,
        stored.source,
        to_step(i),
        {
            "release": i.release,
            "agent_name": None if "agent_name" in stored.late else i.agent_name,
            "prompt_version": i.prompt_version,
            "language": language if isinstance(language, str) else None,
            "kind": "model",
            "name": None if "trace_name" in stored.late else i.trace_name,
            **_whose(i),
        },
    )


def _whose(span: ContextSpan | Interaction) -> dict[str, str | None]:
    """What a span says of a run that has no root."""
    return {
        "service": span.service,
        "environment": span.environment,
        "conversation_id": span.conversation_id,
        "user": span.user,
        "synthetic": "true" if span.synthetic else None,
    }


def step_of_context_row(row: Row) -> TraceStep:
    """A step from `CONTEXT_COLUMNS` of a stored row."""
    c = dict(zip(CONTEXT_COLUMNS, row, strict=True))
    start_ns = int(c["start"])
    span = ContextSpan(
        trace_id=c["trace_id"],
        span_id=c["span_id"],
        start_ns=start_ns,
        end_ns=start_ns + round(c["duration_s"] * NS_PER_S),
        kind=c["kind"],
        name=c["name"],
        parent_span_id=c["parent_span_id"],
        agent_name=c["attributes"].get("agent_name"),
        release=c["attributes"].get("release"),
        tool_name=c["tool_name"],
        tool_arguments=c["tool_arguments"],
        error=CallError() if c["error"] else None,
        service=c["service"],
        environment=c["environment"] or None,
        conversation_id=c["attributes"].get("conversation_id"),
        user=c["attributes"].get("user"),
        synthetic=c["attributes"].get("synthetic") == "true",
    )
    return step_of_context(span, _source(c))


def step_of_interaction_row(row: Row) -> TraceStep:
    """A step from `INTERACTION_COLUMNS` of a stored row."""
    c = dict(zip(INTERACTION_COLUMNS, row, strict=True))
    start_ns = int(c["start"])
    failed = bool(c["score_error"]) or c["error_type"] is not None
    interaction = Interaction(
        trace_id=c["trace_id"],
        span_id=c["span_id"],
        start_ns=start_ns,
        end_ns=start_ns + round((c["duration_s"] or 0.0) * NS_PER_S),
        parent_span_id=c["parent_span_id"],
        request_model=c["request_model"],
        response_model=c["response_model"],
        release=c["release"],
        prompt_version=c["prompt_version"],
        agent_name=c["agent_name"],
        error=CallError() if failed else None,
        service=c["service"],
        environment=c["environment"] or None,
        trace_name=c["trace_name"],
        conversation_id=c["conversation_id"],
        user=c["user_id"],
        synthetic=c["synthetic"],
        input_tokens=c["input_tokens"],
        output_tokens=c["output_tokens"],
    )
    scores = {"language": c["language"]} if c["language"] else {}
    late = dict.fromkeys(c["late_scores"], _source(c))
    stored = StoredInteraction(interaction, _source(c), 0, observed=True, scores=scores, late=late)
    return step_of_interaction(stored)


def _source(c: Mapping[str, Any]) -> SourcePosition:
    return SourcePosition(c["source_topic"], c["source_partition"], c["source_offset"])
