"""Traces whose root has not come, in one source partition, and when they are given up waiting for it.

A root may never be sent: it is a model call itself, it was lost, or it lies in a service that sends nothing.
Such a trace is closed at the first message whose clock is `IDLE_NS` past the last message that held a span of
it. The clock is the latest event time of a lineage up to a message of the partition, so all of this follows
from the order of the log alone: reading it again, here or in another process, closes the same traces at the
same positions. Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from infra.clock import NS_PER_S

IDLE_NS = 600 * NS_PER_S
"""How far the clock goes on after the last span of a trace without a root."""

MAX_OPEN = 100_000
"""Open traces of a partition that are kept in mind; about 300 bytes each."""

MODEL = "model"
RUN_KINDS = frozenset(("agent", "tool", "chain"))
"""Kinds of spans that make a run, however many there are."""
STEP_KINDS = RUN_KINDS | {MODEL, "retriever"}
"""Kinds of spans that a run is made of; a trace without any is no run."""

Lineage = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SpanFact:
    """What matters of a stored span; ``kind`` is `MODEL` or that of a context span."""

    trace_id: str
    kind: str
    is_root: bool
    start_ns: int
    end_ns: int


@dataclass(slots=True)
class OpenTrace:
    """A trace that waits for its root. ``alone``: it is known to be one model call so far."""

    trace_id: str
    last_clock_ns: int
    start_ns: int
    end_ns: int
    alone: bool


@dataclass(slots=True)
class _Open:
    clock_ns: int = 0
    traces: OrderedDict[str, OpenTrace] = field(default_factory=OrderedDict)


class OpenTraces:
    """Open traces of one source partition, by lineage, in order of their last span."""

    def __init__(self, max_open: int = MAX_OPEN) -> None:
        self._max_open = max_open
        self._lineages: dict[Lineage, _Open] = {}
        self.evicted = 0

    def clock_ns(self, lineage: Lineage) -> int:
        """Latest event time of a lineage so far, 0 before the first."""
        have = self._lineages.get(lineage)
        return have.clock_ns if have else 0

    def waiting(self) -> list[tuple[Lineage, int]]:
        """Lineages with open traces, and the clock at which the first of each will be closed."""
        firsts = ((lineage, next(iter(h.traces.values()), None)) for lineage, h in self._lineages.items())
        return sorted((lineage, t.last_clock_ns + IDLE_NS) for lineage, t in firsts if t is not None)

    def apply(
        self, lineage: Lineage, event_ns: int, spans: Iterable[SpanFact], *, ended: bool = False
    ) -> list[OpenTrace]:
        """Take one message: its latest event time and the spans stored from it; the traces it closes.

        A trace of which only one model call is known is no run and not among them. ``ended`` closes all.
        """
        have = self._lineages.setdefault(lineage, _Open())
        have.clock_ns = max(have.clock_ns, event_ns)
        by_trace: dict[str, list[SpanFact]] = {}
        for span in spans:
            by_trace.setdefault(span.trace_id, []).append(span)
        for trace_id, found in by_trace.items():
            self._take(have, trace_id, found)
        closed: list[OpenTrace] = []
        while have.traces:
            first = next(iter(have.traces.values()))
            if not ended and have.clock_ns - first.last_clock_ns < IDLE_NS:
                break
            del have.traces[first.trace_id]
            if not first.alone:
                closed.append(first)
        return closed

    def _take(self, have: _Open, trace_id: str, found: list[SpanFact]) -> None:
        known = have.traces.get(trace_id)
        steps = [s for s in found if s.kind in STEP_KINDS]
        if known is None and not steps:
            return
        if any(s.is_root and s.kind != MODEL for s in found):
            have.traces.pop(trace_id, None)  # it is counted with its root, or was before
            return
        if known is None and len(found) == 1 and found[0].is_root:
            return  # a model call without anything around it
        if known is None:
            if len(have.traces) >= self._max_open:
                have.traces.popitem(last=False)
                self.evicted += 1
            alone = len(found) == 1 and found[0].kind == MODEL
            known = OpenTrace(trace_id, 0, found[0].start_ns, found[0].end_ns, alone)
        else:
            known.alone = False
        known.last_clock_ns = have.clock_ns
        known.start_ns = min(known.start_ns, *(s.start_ns for s in found))
        known.end_ns = max(known.end_ns, *(s.end_ns for s in found))
        have.traces[trace_id] = known
        have.traces.move_to_end(trace_id)

    def doubt(self) -> None:
        """Of what was read again from the middle of the log, earlier spans may be missing."""
        for have in self._lineages.values():
            for trace in have.traces.values():
                trace.alone = False
