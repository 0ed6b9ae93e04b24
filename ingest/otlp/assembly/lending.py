"""A step around a call lends it what the call lacks.

Some frameworks keep what was asked and answered on a span around the call and not on the call (Mastra's
steps). The step stays context; it holds one call and the attempts before it. It ends after its call and may
come in a later message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ingest.interaction import Interaction
from ingest.otlp.assembly.build import REDACTIONS, build_content, read_redactions
from ingest.otlp.assembly.duplicates import SpanId, is_call, parent_of
from ingest.otlp.dialects.messages import TOOL_CALL, Message
from ingest.otlp.dialects.partial import Partial
from ingest.otlp.views import SpanView

Read = Mapping[SpanId, tuple[SpanView, Partial | None]]


def lent(read: Read) -> dict[SpanId, Partial]:
    """The calls that get something of the step around them, with it."""
    inside: dict[SpanId, list[SpanId]] = {}
    for key, (span, partial) in read.items():
        above = read.get(parent_of(span), (span, None))[1]
        if is_call(partial) and above is not None and above.lends:
            inside.setdefault(parent_of(span), []).append(key)
    out: dict[SpanId, Partial] = {}
    for step, calls in inside.items():
        lender = read[step][1]
        last = max(calls, key=lambda key: (read[key][0].end_ns, key))
        for key in calls:
            partial = read[key][1]
            if lender is not None and partial is not None:
                out[key] = _with(partial, lender, answered=key == last)
    return out


def loans(read: Read) -> dict[SpanId, Interaction]:
    """What the steps have for calls that are not here, as content of which the span is elsewhere."""
    return {
        key: replace(
            build_content(*key, span.end_ns, step),
            redactions=read_redactions(span.attributes.get(REDACTIONS)),
        )
        for key, (span, step) in read.items()
        if step is not None and step.lends and step.has_content()
    }


def _with(call: Partial, step: Partial, *, answered: bool) -> Partial:
    """``call`` with the request of its step, and with the answer if that is the call's."""
    had = call.has_content()
    out = replace(call)
    if call.messages_in is None:
        out.messages_in = step.messages_in
        out.system = call.system or step.system
        out.tool_definitions = call.tool_definitions or step.tool_definitions
        out.truncated = call.truncated or step.truncated
    if answered and step.messages_out:
        out.messages_out = _answer(call.messages_out, step.messages_out)
    if not had and out.has_content():
        out.content_from = step.content_from
    return out


def _answer(own: list[Message] | None, step: list[Message]) -> list[Message]:
    """The call's answer, with the tool calls of the step if it has none."""
    if not own:
        return step
    calls = [p for m in step for p in m.parts if p.kind == TOOL_CALL]
    if not calls or any(m.has(TOOL_CALL) for m in own):
        return own
    return [Message(own[0].role, [*own[0].parts, *calls], own[0].finish_reason), *own[1:]]
