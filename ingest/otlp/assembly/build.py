"""One merged `Partial` and its span to one `Interaction` or `ContextSpan`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields, replace
from typing import Any

import re2

from detectors.record import ToolCall
from ingest.interaction import (
    UNKNOWN_SERVICE,
    CallError,
    ContextSpan,
    FieldRedaction,
    Interaction,
    MediaPart,
    canonical_arguments,
)
from ingest.otlp.assembly.prompt_hash import system_prompt_hash
from ingest.otlp.dialects import canonical
from ingest.otlp.dialects.media import MOST_PARTS, OUTPUT, PROMPT, media_of
from ingest.otlp.dialects.messages import MEDIA, REASONING, TEXT, TOOL_CALL, TOOL_RESULT, Message
from ingest.otlp.dialects.partial import AGENT, EMBEDDING, OTHER, TOOL, Partial
from ingest.otlp.dialects.span_facts import (
    conversation_of,
    environment_of,
    error_of,
    is_synthetic,
    release_of,
    sampling_probability,
    user_of,
)
from ingest.otlp.dialects.values import mapping, structure, text, whole
from ingest.otlp.views import SpanView

REDACTIONS = "lightship.redactions"
"""Span or log attribute the gateway adds: JSON of ``[{field, type, n}]``."""

RESPONSES_ID = "resp_"
"""Beginning of the ids OpenAI's Responses API gives its answers."""
_AUDIO_PLACEHOLDER = re2.compile(r"^\s*\[audio[^\]\n]*\]\s*$")
"""Stands for the sound in what OpenLIT calls the input of a transcription and the output of speech."""
_MEDIA_OPERATIONS = {"image": "image", "transcription": "audio", "speech": "audio"}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a record does not say itself: whose it is, and what its ancestors say."""

    tenant: str = "default"
    lineage: str = "live"
    trace_name: str | None = None
    agent_name: str | None = None
    conversation_id: str | None = None
    user: str | None = None


def build_interaction(span: SpanView, p: Partial, scope: Scope) -> Interaction:
    """The interaction a span stands for."""
    a, resource = span.attributes, span.resource
    shared = _shared(span, p, scope)
    content = build_content(span.trace_id, span.span_id, span.end_ns, p)
    return replace(
        content,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        parent_span_id=span.parent_span_id,
        service_version=text(resource.get("service.version")),
        agent_name=p.agent_name or scope.agent_name,
        error=error_of(span, p) or _failure(content.finish_reasons_raw),
        clock_skew=span.ended_before_start,
        dropped_attributes=span.dropped_attributes,
        redactions=read_redactions(a.get(REDACTIONS)),
        **shared,
    )


def _failure(finish_reasons_raw: Sequence[str]) -> CallError | None:
    """The error that a finish reason states, where nothing else says that the call failed."""
    return next((CallError(r) for r in finish_reasons_raw if canonical.is_failure(r)), None)


def _said_error(p: Partial) -> CallError | None:
    """The error that a record states by itself."""
    if not (p.error_type or p.failed):
        return None
    status = p.http_status or canonical.http_status_of(p.error_type)
    return CallError(p.error_type, p.error_message, status)


def build_content(trace_id: str, span_id: str, at_ns: int, p: Partial) -> Interaction:
    """What a partial says by itself: all of a call but its span (content whose span has not come)."""
    operation = p.operation or canonical.operation(p.operation_raw)
    if operation == "chat" and (p.response_id or "").startswith(RESPONSES_ID):
        operation = "responses"
    kind = EMBEDDING if p.kind == EMBEDDING else "inference"
    if kind == EMBEDDING:
        operation = "embedding"
    texts_in = input_texts(p) if kind == EMBEDDING else None
    asked = None if kind == EMBEDDING else last_user_text(p.messages_in or ())
    if operation == "transcription" and asked and _AUDIO_PLACEHOLDER.search(asked):
        asked = None
    answers = [] if kind == EMBEDDING else output_texts(p, operation)
    if operation == "speech":
        answers = [t for t in answers if t and not _AUDIO_PLACEHOLDER.search(t)]
    system = system_text(p)
    raw_reasons = () if kind == EMBEDDING else finish_reasons(p)
    written = tuple(t for t in answers if t)
    return Interaction(
        trace_id=trace_id,
        span_id=span_id,
        start_ns=at_ns,
        end_ns=at_ns,
        kind=kind,
        operation=operation,
        operation_raw=p.operation_raw,
        modality=modality(p, operation),
        time_to_first_chunk_s=p.time_to_first_chunk_s,
        provider=canonical.provider(p.provider_raw),
        provider_raw=p.provider_raw,
        request_model=p.request_model,
        response_model=p.response_model,
        response_id=p.response_id,
        system_prompt=system,
        system_prompt_hash=system_prompt_hash(system),
        context_texts=p.documents or (),
        tool_definitions=p.tool_definitions or (),
        tool_results=_tool_results(p.messages_in or ()),
        request_parameters=p.request_parameters or {},
        input_text=asked,
        input_texts=texts_in,
        n_input_messages=len(p.messages_in) if p.messages_in else None,
        earlier_input_text=None if asked is None else earlier_user_text(p.messages_in or ()),
        output_text=answers[0] if answers else None,
        output_texts=written or None,
        revised_prompts=p.revised_prompts or (),
        media=_media(p),
        audio_duration_s=p.audio_duration_s,
        no_speech_probability=p.no_speech_probability,
        tool_calls=_tool_calls(p.messages_out or ()),
        finish_reasons=tuple(canonical.finish_reason(r) for r in raw_reasons),
        finish_reasons_raw=raw_reasons,
        input_tokens=p.input_tokens,
        output_tokens=p.output_tokens,
        cached_tokens=p.cached_tokens,
        reasoning_tokens=p.reasoning_tokens,
        prompt_name=p.prompt_name,
        prompt_version=p.prompt_version,
        evaluations=p.evaluations or (),
        dialect=p.dialect,
        content_from=p.content_from,
        truncated=bool(p.truncated),
        hidden=bool(p.hidden),
        error=_said_error(p) or _failure(raw_reasons),
    )


def build_context(span: SpanView, p: Partial | None, scope: Scope) -> ContextSpan:
    """The step a span stands for that is no call."""
    p = p or Partial(OTHER)
    kind = p.kind or p.implied_kind or OTHER
    own = p.agent_name or (span.name if kind == AGENT else None)
    return ContextSpan(
        trace_id=span.trace_id,
        span_id=span.span_id,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        kind=kind,
        name=span.name,
        parent_span_id=span.parent_span_id,
        operation_raw=p.operation_raw,
        agent_name=own or scope.agent_name,
        tool_name=(p.tool_name or span.name) if kind == TOOL else p.tool_name,
        tool_call_id=p.tool_call_id,
        tool_arguments=canonical_arguments(p.tool_arguments),
        error=error_of(span, p),
        service_version=text(span.resource.get("service.version")),
        redactions=read_redactions(span.attributes.get(REDACTIONS)),
        **_shared(span, p, scope),
    )


def _shared(span: SpanView, p: Partial, scope: Scope) -> dict[str, Any]:
    """Fields interactions and context spans have in common beyond ids and times."""
    a, resource = span.attributes, span.resource
    return {
        "tenant": scope.tenant,
        "lineage": scope.lineage,
        "service": text(resource.get("service.name")) or UNKNOWN_SERVICE,
        "environment": p.environment or environment_of(a, resource),
        "release": p.release or release_of(a, resource),
        "trace_name": scope.trace_name,
        "conversation_id": conversation_of(a) or p.conversation_id or scope.conversation_id,
        "user": user_of(a) or p.user or scope.user,
        "synthetic": is_synthetic(a, resource),
        "sampling_probability": sampling_probability(span.trace_state) if span.trace_state else None,
    }


def read_redactions(value: Any) -> tuple[FieldRedaction, ...] | None:
    """The redactor's report, or ``None`` where no redactor has been."""
    found = structure(value)
    if not isinstance(found, list):
        return None
    out: list[FieldRedaction] = []
    for item in found:
        entry = mapping(item)
        name, type_, n = text(entry.get("field")), text(entry.get("type")), whole(entry.get("n"))
        if name and type_ and n:
            out.append(FieldRedaction(name, type_, n))
    return tuple(out)


def last_user_text(messages: Sequence[Message]) -> str | None:
    """Text of the last message a person wrote; results of tools sent in their name are no such message."""
    found = next(_from_people(messages), None)
    return None if found is None else found.text("\n")


def earlier_user_text(messages: Sequence[Message]) -> str | None:
    """Text of the message a person wrote before the last one, if an answer stands between them."""
    said = _from_people(messages)
    last, earlier = next(said, None), next(said, None)
    if last is None or earlier is None:
        return None
    between = messages[_place(messages, earlier) : _place(messages, last)]
    return earlier.text("\n") if any(m.role == "assistant" for m in between) else None


def _place(messages: Sequence[Message], wanted: Message) -> int:
    return next(i for i, m in enumerate(messages) if m is wanted)


def _from_people(messages: Sequence[Message]) -> Iterator[Message]:
    """Messages that people wrote, the last one first."""
    for message in reversed(messages):
        if message.role not in ("system", "assistant", "tool") and not (
            message.parts and all(p.kind == TOOL_RESULT for p in message.parts)
        ):
            yield message


def input_texts(p: Partial) -> tuple[str, ...] | None:
    """What an embedding call was given."""
    if p.input_texts:
        return p.input_texts
    found = tuple(t for m in p.messages_in or () if (t := m.text("\n")))
    return found or None


def system_text(p: Partial) -> str | None:
    """System instructions and system messages, each text once (OpenLIT sends both)."""
    found = dict.fromkeys(p.system or ())
    joined = "\n".join(found)
    for message in p.messages_in or ():
        if message.role == "system":
            said = message.text("\n")
            if said and said != joined:
                found[said] = None
    return "\n".join(found) or None


def answers_of(p: Partial) -> list[list[Message]]:
    """Output messages by choice.

    Messages are choices, except where they are items of one answer: the Responses API says so, or fewer
    finish reasons were sent than messages and nobody asked for several choices.
    """
    messages = [m for m in p.messages_out or () if m.role not in ("user", "system", "tool")]
    visible = [m for m in messages if not m.parts or any(part.kind != REASONING for part in m.parts)]
    if len(visible) <= 1:
        return [visible] if visible else []
    asked = max(p.choices or 0, len(p.finish_reasons_raw or ()))
    if p.one_answer or asked == 1 or (p.response_id or "").startswith(RESPONSES_ID) or _is_stream(p, visible):
        return [visible]
    return [[m] for m in visible]


def _is_stream(p: Partial, messages: Sequence[Message]) -> bool:
    """Whether messages are chunks of one answer: Google's libraries send each as a message of its own.

    Only the last chunk has a finish reason, candidates have one each; a stream that broke off has none.
    """
    if len(messages) <= 1 or not (canonical.provider(p.provider_raw) or "").startswith("gcp."):
        return False
    if any(m.finish_reason for m in messages[:-1]):
        return False
    streamed = bool((p.request_parameters or {}).get("stream")) and (p.choices or 0) <= 1
    return streamed or messages[-1].finish_reason is not None


def _text_of(p: Partial, answer: Sequence[Message]) -> str | None:
    """Text of one answer: chunks as they came, items on lines of their own."""
    if _is_stream(p, answer):
        return Message("assistant", [part for m in answer for part in m.parts]).text()
    return "\n".join(t for m in answer if (t := m.text())) or None


def output_texts(p: Partial, operation: str | None) -> list[str | None]:
    """Text of each choice; for images the links to them."""
    if operation == "image":
        links = p.images_out or tuple(
            part.text for m in p.messages_out or () for part in m.parts if part.kind == MEDIA and part.text
        )
        if links:
            return list(links)
    return [_text_of(p, answer) for answer in answers_of(p)]


def finish_reasons(p: Partial) -> tuple[str, ...]:
    """Raw reasons, one a choice: the span's own, else those in the output messages."""
    if p.finish_reasons_raw:
        return p.finish_reasons_raw
    last = [[m.finish_reason for m in answer if m.finish_reason] for answer in answers_of(p)]
    return tuple(reasons[-1] for reasons in last if reasons)


def _media(p: Partial) -> tuple[MediaPart, ...]:
    """Parts that are no text, of both sides, each once."""
    found: dict[MediaPart, None] = {}
    for side, messages in ((PROMPT, p.messages_in), (OUTPUT, p.messages_out)):
        for message in messages or ():
            kind = OUTPUT if message.role == "assistant" else side
            found |= {MediaPart(kind, *astuple(x.media)): None for x in message.parts if x.media is not None}
    drawn = {m.uri for m in found}
    links = [media_of("image", link=link) for link in p.images_out or ()]
    others = (*(m for m in links if m.uri not in drawn), *(p.media_out or ()))
    found |= {MediaPart(OUTPUT, *astuple(m)): None for m in others}
    return tuple(found)[:MOST_PARTS]


def _tool_calls(messages: Sequence[Message]) -> tuple[ToolCall, ...]:
    return tuple(p.call for m in messages for p in m.parts if p.kind == TOOL_CALL and p.call is not None)


def _tool_results(messages: Sequence[Message]) -> tuple[str, ...]:
    """Results of the current turn: those that came with or after the last message a person wrote."""
    asked = next(_from_people(messages), None)
    if asked is not None:
        messages = messages[_place(messages, asked) :]
    return tuple(p.text for m in messages for p in m.parts if p.kind == TOOL_RESULT and p.text)


def modality(p: Partial, operation: str | None) -> str:
    """``text``, ``image``, ``audio`` or ``mixed``, from the operation and the parts."""
    if operation in _MEDIA_OPERATIONS:
        return _MEDIA_OPERATIONS[operation]
    if p.images_out:
        return "image"
    kinds: set[str] = set()
    for message in (*(p.messages_in or ()), *(p.messages_out or ())):
        for part in message.parts:
            if part.kind == MEDIA:
                kinds.add(part.modality or "document")
            elif part.kind == TEXT and message.role != "system":
                kinds.add("text")
    if len(kinds) == 1:
        only = kinds.pop()
        return only if only in ("text", "image", "audio") else "mixed"
    return "mixed" if kinds else "text"


_NEVER_FILLED = frozenset(
    ("trace_id", "span_id", "start_ns", "end_ns", "kind", "tenant", "lineage", "service", "parent_span_id",
     "duplicate_spans", "dialect", "error", "evaluations", "redactions", "dropped_attributes", "clock_skew")
)  # fmt: skip
_FILLED = tuple(f.name for f in fields(Interaction) if f.name not in _NEVER_FILLED)


_EMPTY: tuple[Any, ...] = (None, (), {})


def fill(interaction: Interaction, *others: Interaction) -> Interaction:
    """``interaction`` with what only ``others`` know (more spans of it, its content), the first first."""
    changes: dict[str, Any] = {}
    for name in _FILLED:
        if getattr(interaction, name) in _EMPTY:
            found = next((v for o in others if (v := getattr(o, name)) not in _EMPTY), None)
            if found is not None:
                changes[name] = found
    changes["content_from"] = _sources((interaction, *others))
    error = interaction.error
    if error is None and "finish_reasons_raw" in changes:
        changes["error"] = _failure(changes["finish_reasons_raw"])
    if error is not None:
        changes["error"] = _completed(error, [o.error for o in others if o.error is not None])
    reports = [o.redactions for o in others if o.redactions is not None]
    if reports:
        changes["redactions"] = tuple(
            dict.fromkeys(r for report in (interaction.redactions or (), *reports) for r in report)
        )
    if interaction.modality == "text":
        changes["modality"] = next((o.modality for o in others if o.modality != "text"), "text")
    return replace(interaction, **changes)


def _completed(error: CallError, others: Sequence[CallError]) -> CallError:
    """``error`` with what only ``others`` say of it."""
    missing = {
        name: next((v for o in others if (v := getattr(o, name)) is not None), None)
        for name in ("type", "message", "http_status")
        if getattr(error, name) is None
    }
    return replace(error, **missing) if missing else error


def _sources(interactions: Sequence[Interaction]) -> str | None:
    """``content_from``: the first one's, then those of log records."""
    named = dict.fromkeys(i.content_from for i in interactions if i.content_from)
    first = next(iter(named), None)
    if first is None:
        return None
    had = first.split("+")
    return "+".join([first, *(n for n in named if n.startswith("log:") and n not in had)])
