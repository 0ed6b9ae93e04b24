"""What a step around calls lends those that came in messages before it (`ingest.otlp.assembly.lending`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from detectors.observation import SourcePosition
from ingest.interaction import ContextSpan, Interaction
from ingest.otlp.assembly.assemble import Assembled
from ingest.repository.interaction import StoredInteraction
from ingest.repository.stage_store import Lineage, SpanQuery
from ingest.units.duplicate_calls import came_before
from ingest.units.known_spans import KnownSpans
from ingest.units.trace_unit import AROUND_NS


class Message(Protocol):
    """A message of the batch."""

    @property
    def position(self) -> SourcePosition:
        """Where it stands."""

    @property
    def assembled(self) -> Assembled | None:
        """What its spans come to."""

    @property
    def contexts(self) -> list[ContextSpan]:
        """Spans that are stored from it as steps."""


class LentContent:
    """Finds the calls of a batch's steps among those that came before."""

    def __init__(self, known: KnownSpans) -> None:
        self._known = known

    def look_up(self, works: Iterable[Message]) -> None:
        """Ask the store for calls inside the steps of these messages that lend something.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        steps: dict[Lineage, list[ContextSpan]] = {}
        for work in works:
            for step in _lenders(work.assembled, work.assembled.context_spans if work.assembled else ()):
                steps.setdefault((step.tenant, step.lineage), []).append(step)
        for lineage, found in sorted(steps.items()):
            traces, ids = (frozenset(getattr(s, n) for s in found) for n in ("trace_id", "span_id"))
            from_ns, to_ns = min(s.start_ns for s in found), max(s.end_ns for s in found)
            around = (from_ns - AROUND_NS, to_ns + AROUND_NS)
            ask = SpanQuery(*lineage, frozenset(), traces, None, *around, "parent_span_id", ids)
            self._known.find_interactions([ask])

    def of_message(self, work: Message) -> Iterator[tuple[StoredInteraction, Interaction]]:
        """Calls that came before a message and what its steps lend them; call it when those are decided."""
        loans = work.assembled.loans if work.assembled is not None else {}
        for step in _lenders(work.assembled, work.contexts):
            within = (step.tenant, step.lineage, step.trace_id)
            calls = [
                s
                for k, s in self._known.interactions.items()
                if k[:3] == within and s.interaction.parent_span_id == step.span_id
            ]
            last = max(calls, key=lambda s: (s.interaction.end_ns, s.key), default=None)
            content = loans[step.trace_id, step.span_id]
            for call in sorted(calls, key=lambda s: s.key):
                if call.source != work.position and came_before(call.source, work.position):
                    yield call, content if call is last else _asked(content)


def _lenders(assembled: Assembled | None, steps: Iterable[ContextSpan]) -> list[ContextSpan]:
    if assembled is None or not assembled.loans:
        return []
    return [s for s in steps if (s.trace_id, s.span_id) in assembled.loans]


def _asked(content: Interaction) -> Interaction:
    """The request alone: the answer is that of the last call in a step."""
    return replace(content, output_text=None, output_texts=None, tool_calls=(), media=())
