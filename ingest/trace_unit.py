"""The unit ``trace``: an agent's whole run, counted once, where its root span is stored.

A trace is what is stored of it up to its root's source position, and no later: reading it again gives the
same. Its root is a span without a parent that is no model call itself; a model call alone is an
interaction and no run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from detectors.observation import SourcePosition
from detectors.record import Step, Trace
from detectors.scorers.protocol import Scores
from infra.clock import NS_PER_S
from ingest.event_time import MAX_NS, event_time
from ingest.interaction import ContextSpan
from ingest.observing import Observed
from ingest.stored_context import TraceStep
from ingest.tables import TRACES, Row

AROUND_NS = 3600 * NS_PER_S
"""Spans of a trace start at most this long before its root starts or after it ends (hosts' clocks differ)."""

_RUN_KINDS = frozenset(("agent", "tool", "chain"))
_DIMENSIONS = ("release", "prompt_version", "agent_name", "language")


@dataclass(slots=True)
class TraceUnit:
    """One run: its root, where that was stored, and what was measured."""

    root: ContextSpan
    source: SourcePosition
    received_ns: int
    observed: bool
    dimensions: Mapping[str, str | None]
    trace: Trace
    scores: Scores = field(default_factory=dict)


def trace_unit(
    root: ContextSpan,
    source: SourcePosition,
    received_ns: int,
    observed: bool,
    steps: Iterable[TraceStep],
) -> TraceUnit | None:
    """The run that ends with ``root``; ``None`` if it is no run, or an earlier root has counted it.

    ``steps`` are spans of the trace, in any order and with repeats, that may come after the root's position.
    """
    found: dict[str, TraceStep] = {}
    for s in steps:
        same = (s.source.topic, s.source.partition) == (source.topic, source.partition)
        if same and s.source.offset <= source.offset:
            found.setdefault(s.span_id, s)
    ordered = sorted(found.values(), key=lambda s: (s.step.start_ns, -s.step.end_ns, s.span_id))
    roots = [s for s in ordered if s.parent_span_id is None and s.attributes.get("kind") != "model"]
    first = min(roots, key=lambda s: (s.source, s.span_id), default=None)
    if first is None or first.span_id != root.span_id:
        return None
    if len(ordered) < 2 and not any(s.attributes.get("kind") in _RUN_KINDS for s in ordered):
        return None
    dimensions = {name: _first(name, root, ordered) for name in _DIMENSIONS}
    steps_: tuple[Step, ...] = tuple(s.step for s in ordered)
    trace = Trace(steps_, root.start_ns, max(root.end_ns, root.start_ns), dimensions)
    return TraceUnit(root, source, received_ns, observed, dimensions, trace)


def _first(name: str, root: ContextSpan, ordered: Sequence[TraceStep]) -> str | None:
    """What the root says, else the first span that says it."""
    own: str | None = getattr(root, name, None)
    return own or next((v for s in ordered if (v := s.attributes.get(name))), None)


def observed_trace(unit: TraceUnit) -> Observed:
    """The row of a run in an observation."""
    root = unit.root
    event_ns = event_time(root.end_ns, unit.received_ns, root.lineage)[0]
    return Observed(event_ns, unit.dimensions, unit.scores, root.user, root.conversation_id)


def to_row(unit: TraceUnit) -> Row:
    """Row of ``traces``."""
    root, s, d = unit.root, unit.source, unit.dimensions
    return (
        root.tenant, root.lineage, root.service, root.environment or "", min(root.start_ns, MAX_NS),
        max(root.end_ns - root.start_ns, 0) / NS_PER_S, root.trace_id, root.span_id, root.name,
        d["agent_name"], d["release"], d["prompt_version"], d["language"], root.conversation_id, root.user,
        {n: v for n, v in unit.scores.items() if not isinstance(v, str)}, unit.observed,
        s.topic, s.partition, s.offset, unit.received_ns,
    )  # fmt: skip


def obey(unit: TraceUnit, row: Row) -> None:
    """Take scores and dimensions from the row that an earlier run stored at the same position."""
    c = dict(zip(TRACES.names, row, strict=True))
    unit.scores = dict(c["scores"])
    unit.observed = c["observed"]
    unit.dimensions = {name: c[name] for name in _DIMENSIONS}


def stored_by(row: Row) -> tuple[str, SourcePosition]:
    """Root span and source position of a stored run."""
    at = TRACES.index
    source = SourcePosition(row[at["source_topic"]], row[at["source_partition"]], row[at["source_offset"]])
    return row[at["root_span_id"]], source
