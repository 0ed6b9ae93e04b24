"""A model call that a log record alone tells of: no span of it has come.

An event of `ingest.otlp.dialects.genai.DETAILS_EVENTS` says all that the span of a call does but how long it
took. It is the call of the span it names, and never a second one beside it. One that names no span, or the
span of an agent's step or of another call, has ids of its own: made of its content, its time and its service,
so that a record that is sent again is the same call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import orjson

from infra.clock import NS_PER_S
from ingest.interaction import Interaction
from ingest.otlp.assembly.build import Scope, build_interaction
from ingest.otlp.assembly.duplicates import is_call, is_telling, share_a_model
from ingest.otlp.dialects import genai
from ingest.otlp.dialects.partial import Partial
from ingest.otlp.dialects.values import text
from ingest.otlp.views import LogView, SpanView

NEAR_NS = 5 * NS_PER_S
"""An event is written at most this long before its span begins or after it ends."""

_SPAN_DIGITS = 16


def digest_of(view: LogView) -> str:
    """Hash of what a record says, 32 hexadecimal digits; equal for a record that is sent again.

    The service is part of it where the record names no span: the same words of two services are two calls.
    """
    identity = [view.trace_id, view.span_id, view.event, view.time_ns, view.body, view.attributes, view.scope]
    if not view.span_id:
        identity.append(text(view.resource.get("service.name")))
    packed = orjson.dumps(identity, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return blake2b(packed, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class EventCall:
    """A call as an event tells it, under the ids of the span it names and (``alone``) under its own."""

    call: Interaction
    alone: Interaction


def event_call(view: LogView, digest: str, *, tenant: str, lineage: str) -> EventCall | None:
    """The call that a record tells whole; ``None`` if it is none, or says nothing of how the call went."""
    if view.event not in genai.DETAILS_EVENTS:
        return None
    partial = genai.read_log(view)
    if not is_call(partial) or not _is_whole(partial):
        return None
    attributes: Mapping[str, Any] = view.attributes
    if isinstance(view.body, dict):
        attributes = {**view.body, **attributes}
    own = (view.trace_id or digest, digest[:_SPAN_DIGITS])
    span = SpanView(
        *own, None, "", view.time_ns, view.time_ns, dict(attributes), view.resource, view.scope
    )  # fmt: skip
    alone = replace(build_interaction(span, partial, Scope(tenant, lineage)), timed=False)
    if not (view.trace_id and view.span_id):
        return EventCall(alone, alone)
    return EventCall(replace(alone, span_id=view.span_id), replace(alone, parent_span_id=view.span_id))


def _is_whole(p: Partial) -> bool:
    """Whether it says what came of the call."""
    ended = (p.messages_out, p.images_out, p.response_id, p.finish_reasons_raw, p.error_type)
    return any(ended) or p.output_tokens is not None or (p.input_tokens is not None and bool(p.input_texts))


def is_call_of(event: Interaction, call: Interaction) -> bool:
    """Whether ``call`` is the one that an event tells.

    By its ids if no response id contradicts; by the response id in any trace; else, in one trace, by its time
    and model, where the call has a span: of two calls that could be meant nothing is counted twice.
    """
    if event.kind != call.kind:
        return False
    if is_telling(event.response_id) and is_telling(call.response_id):
        return event.response_id == call.response_id
    if event.trace_id != call.trace_id:
        return False
    if event.span_id == call.span_id or event.span_id in call.duplicate_spans:
        return True
    if not call.timed:
        return False
    within = call.start_ns - NEAR_NS <= event.start_ns <= call.end_ns + NEAR_NS
    models = ((event.request_model, event.response_model), (call.request_model, call.response_model))
    return within and share_a_model(*models)


def untold(
    events: Sequence[EventCall], calls: Sequence[Interaction], steps: set[tuple[str, str]]
) -> list[Interaction]:
    """The calls that only events tell of, of one run: each once, in the order of ``events``.

    ``steps`` are the trace and span ids of spans that are no call.
    """
    by_trace: dict[str, list[Interaction]] = {}
    by_response: dict[str, Interaction] = {}

    def know(call: Interaction) -> None:
        by_trace.setdefault(call.trace_id, []).append(call)
        if call.response_id is not None:
            by_response.setdefault(call.response_id, call)

    for known in calls:
        know(known)
    out: list[Interaction] = []
    for event in events:
        near = by_trace.get(event.call.trace_id, [])
        told = by_response.get(event.call.response_id or "")
        if any(is_call_of(event.call, c) for c in (*near, *([told] if told else []))):
            continue
        taken = (event.call.trace_id, event.call.span_id) in steps or any(
            c.span_id == event.call.span_id for c in near
        )
        call = event.alone if taken else event.call
        if not any(c.span_id == call.span_id for c in near):
            out.append(call)
            know(call)
    return out
