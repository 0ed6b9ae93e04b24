"""Which interaction a judgement is about: one rule for files and for the stream."""

from __future__ import annotations

from collections.abc import Iterable

from ingest.interaction import Interaction

SpanId = tuple[str, str]
"""Trace id and span id."""

_Ended = tuple[int, SpanId]


class EvaluationTarget:
    """What judgements may be about: the interactions of one lineage that are known so far.

    A judgement that names an interaction's span, or another span of the same call, means that interaction;
    one that names a response, the interaction that gave it. What names a trace alone, or a step around the
    calls (an agent's run, a tool call), means the answer its user saw: the last of the trace to end. What
    names a conversation alone means the last answer in it.
    """

    def __init__(self) -> None:
        self._spans: dict[SpanId, SpanId] = {}
        self._steps: set[SpanId] = set()
        self._responses: dict[str, _Ended] = {}
        self._traces: dict[str, _Ended] = {}
        self._conversations: dict[str, _Ended] = {}

    def add(self, interaction: Interaction) -> None:
        """Take an interaction; one that ended earlier than another stands behind it."""
        i = interaction
        own = (i.trace_id, i.span_id)
        ended = (i.end_ns, own)
        self._spans[own] = own
        for other in i.duplicate_spans:
            self._spans.setdefault((i.trace_id, other), own)
        _keep_last(self._traces, i.trace_id, ended)
        if i.response_id:
            _keep_last(self._responses, i.response_id, ended)
        if i.conversation_id:
            _keep_last(self._conversations, i.conversation_id, ended)

    def add_spans(self, names: Iterable[tuple[SpanId, SpanId]]) -> None:
        """Take other spans of calls: the span, and that of the interaction it belongs to."""
        self._spans.update(names)

    def add_step(self, trace_id: str, span_id: str) -> None:
        """Take a span that is no model call."""
        self._steps.add((trace_id, span_id))

    def is_step(self, trace_id: str, span_id: str) -> bool:
        """Whether a span is known to be no model call."""
        return (trace_id, span_id) in self._steps

    def find(
        self, trace_id: str | None, span_id: str | None, response_id: str | None, conversation_id: str | None
    ) -> SpanId | None:
        """The interaction that is meant by what is named; ``None`` if it is not known."""
        if trace_id and span_id and (found := self._spans.get((trace_id, span_id))):
            return found
        if response_id and (last := self._responses.get(response_id)):
            return last[1]
        if trace_id:
            whole = not span_id or self.is_step(trace_id, span_id)
            last = self._traces.get(trace_id) if whole else None
        else:
            last = self._conversations.get(conversation_id or "") if not response_id else None
        return last[1] if last else None


def _keep_last(where: dict[str, _Ended], name: str, ended: _Ended) -> None:
    have = where.get(name)
    if have is None or have < ended:
        where[name] = ended
