"""The unit ``trace``: an agent's whole run, counted once.

It is closed where its root span is stored, or, if none comes, where it has been at rest for a while
(`ingest.units.open_traces`). A trace is what is stored of it up to that source position, and no later:
reading it again gives the same. A root is a span without a parent that is no model call itself; a model call
alone is an interaction and no run, and neither are spans that have nothing to do with models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from detectors.observation import SourcePosition
from detectors.record import Step, Trace
from detectors.scorers.protocol import Scores
from infra.clock import NS_PER_S
from ingest.event_time import MAX_NS, event_time
from ingest.interaction import UNKNOWN_SERVICE, ContextSpan
from ingest.repository.context_span import TraceStep
from ingest.repository.observations import Observed
from ingest.repository.tables import TRACES, Row
from ingest.units.open_traces import MODEL, RUN_KINDS, STEP_KINDS

AROUND_NS = 3600 * NS_PER_S
"""Spans of a trace start at most this long before its root starts or after it ends (hosts' clocks differ)."""

ROOT, IDLE, END = "root", "idle", "end"
"""What closed a trace: its root, a pause, the end of its lineage."""

_DIMENSIONS = ("release", "prompt_version", "agent_name", "language")


@dataclass(slots=True)
class TraceUnit:
    """One run: its root (or a stand-in), where it was closed and at which event time, what was measured."""

    root: ContextSpan
    source: SourcePosition
    received_ns: int
    observed: bool
    dimensions: Mapping[str, str | None]
    trace: Trace
    closed_by: str
    counted_ns: int
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
    ordered = _until(source, steps)
    roots = [s for s in ordered if s.parent_span_id is None and s.attributes.get("kind") != MODEL]
    first = min(roots, key=lambda s: (s.source, s.span_id), default=None)
    if first is None or first.span_id != root.span_id or not _is_run(ordered):
        return None
    counted_ns = event_time(root.end_ns, received_ns, root.lineage)[0]
    return _unit(root, source, received_ns, observed, ordered, ROOT, counted_ns)


def rootless_unit(
    owner: tuple[str, str],
    source: SourcePosition,
    received_ns: int,
    steps: Iterable[TraceStep],
    closed_by: str,
    clock_ns: int,
) -> TraceUnit | None:
    """The run that is closed at ``source`` without a root; ``None`` if it is no run.

    ``owner`` is its tenant and lineage. It is counted at ``clock_ns``, the time at which it was given up
    waiting for: its own time is long past. The outermost span that began first speaks for it.
    """
    ordered = _until(source, steps)
    if not _is_run(ordered):
        return None
    ids = {s.span_id for s in ordered}
    first = next((s for s in ordered if s.parent_span_id not in ids), ordered[0])
    a = first.attributes
    stand_in = ContextSpan(
        trace_id=first.trace_id,
        span_id="",
        start_ns=min(s.step.start_ns for s in ordered),
        end_ns=max(s.step.end_ns for s in ordered),
        kind="trace",
        name=a.get("name") or "",
        tenant=owner[0],
        lineage=owner[1],
        service=a.get("service") or UNKNOWN_SERVICE,
        environment=a.get("environment"),
        release=a.get("release"),
        agent_name=a.get("agent_name"),
        conversation_id=_first("conversation_id", None, ordered),
        user=_first("user", None, ordered),
    )
    observed = not any(s.attributes.get("synthetic") for s in ordered)
    return _unit(stand_in, source, received_ns, observed, ordered, closed_by, clock_ns)


def _until(source: SourcePosition, steps: Iterable[TraceStep]) -> list[TraceStep]:
    """What the log of the partition held of a trace at ``source``, each span once, in order of start."""
    found: dict[str, TraceStep] = {}
    for s in steps:
        same = (s.source.topic, s.source.partition) == (source.topic, source.partition)
        if same and s.source.offset <= source.offset:
            found.setdefault(s.span_id, s)
    return sorted(found.values(), key=lambda s: (s.step.start_ns, -s.step.end_ns, s.span_id))


def _is_run(ordered: Sequence[TraceStep]) -> bool:
    kinds = {s.attributes.get("kind") for s in ordered}
    return bool(kinds & RUN_KINDS) or (len(ordered) > 1 and bool(kinds & STEP_KINDS))


def _unit(
    root: ContextSpan,
    source: SourcePosition,
    received_ns: int,
    observed: bool,
    ordered: Sequence[TraceStep],
    closed_by: str,
    counted_ns: int,
) -> TraceUnit:
    dimensions = {name: _first(name, root, ordered) for name in _DIMENSIONS}
    steps: tuple[Step, ...] = tuple(s.step for s in ordered)
    trace = Trace(steps, root.start_ns, max(root.end_ns, root.start_ns), dimensions)
    return TraceUnit(root, source, received_ns, observed, dimensions, trace, closed_by, counted_ns)


def _first(name: str, root: ContextSpan | None, ordered: Sequence[TraceStep]) -> str | None:
    """What the root says, else the first span that says it."""
    own: str | None = getattr(root, name, None)
    return own or next((v for s in ordered if (v := s.attributes.get(name))), None)


def observed_trace(unit: TraceUnit) -> Observed:
    """The row of a run in an observation."""
    root = unit.root
    return Observed(unit.counted_ns, unit.dimensions, unit.scores, root.user, root.conversation_id)


def to_row(unit: TraceUnit) -> Row:
    """Row of ``traces``."""
    root, s, d = unit.root, unit.source, unit.dimensions
    return (
        root.tenant, root.lineage, root.service, root.environment or "", min(root.start_ns, MAX_NS),
        max(root.end_ns - root.start_ns, 0) / NS_PER_S, root.trace_id, root.span_id, root.name or None,
        d["agent_name"], d["release"], d["prompt_version"], d["language"], root.conversation_id, root.user,
        {n: v for n, v in unit.scores.items() if not isinstance(v, str)}, unit.observed,
        unit.closed_by, min(unit.counted_ns, MAX_NS), s.topic, s.partition, s.offset, unit.received_ns,
    )  # fmt: skip


def apply_stored(unit: TraceUnit, row: Row) -> None:
    """Take scores, dimensions and time from the row that an earlier run stored at the same position."""
    c = dict(zip(TRACES.names, row, strict=True))
    unit.scores = dict(c["scores"])
    unit.observed = c["observed"]
    unit.counted_ns = int(c["counted_at"])
    unit.dimensions = {name: c[name] for name in _DIMENSIONS}


def stored_by(row: Row) -> tuple[str, SourcePosition]:
    """Root span and source position of a stored run."""
    at = TRACES.index
    source = SourcePosition(row[at["source_topic"]], row[at["source_partition"]], row[at["source_offset"]])
    return row[at["root_span_id"]], source
