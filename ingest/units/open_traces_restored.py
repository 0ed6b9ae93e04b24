"""The open traces of a source partition as of an offset, read from what is stored of the messages before."""

from __future__ import annotations

from infra.clock import NS_PER_S
from ingest.repository.stage_store import Partition, StageStore
from ingest.repository.tables import CONTEXT_SPANS, INTERACTIONS, LEDGER, Table
from ingest.units.open_traces import IDLE_NS, MODEL, Lineage, OpenTraces, SpanFact

STEP = 10_000
"""Messages that are looked at together, and `MAX_STEPS` times as many at most."""
MAX_STEPS = 30

_Message = tuple[int, Lineage, int]
"""Offset, lineage, clock."""


def restore(store: StageStore, place: Partition, before: int) -> OpenTraces:
    """State just before offset ``before``: from the messages less than `IDLE_NS` of clock ago.

    Raises
    ------
    Unavailable
        If the store does not answer.
    """
    out = OpenTraces()
    messages = _messages(store, place, before)
    if not messages:
        return out
    spans = _spans(store, place, messages[0][0], before)
    for offset, lineage, clock_ns in messages:
        out.apply(lineage, clock_ns, spans.get((offset, lineage), ()))
    out.doubt()
    return out


def _messages(store: StageStore, place: Partition, before: int) -> list[_Message]:
    """Messages that moved a clock, oldest first, back to where all of theirs are long past."""
    found: list[_Message] = []
    newest: dict[Lineage, int] = {}
    passed: set[Lineage] = set()
    end = before
    for _ in range(MAX_STEPS):
        if end <= 0 or (newest and passed == set(newest)):
            break
        begin = max(end - STEP, 0)
        rows = store.between(LEDGER, place, begin, end, ("offset", "tenant", "lineage", "clock"))
        if not rows:
            break
        for offset, tenant, name, clock in sorted(rows, key=lambda r: -int(r[0])):
            lineage, clock_ns = (str(tenant), str(name)), int(clock)
            if clock_ns <= 0:
                continue  # moved no clock
            if clock_ns <= newest.setdefault(lineage, clock_ns) - IDLE_NS:
                passed.add(lineage)
            else:
                found.append((int(offset), lineage, clock_ns))
        end = begin
    return sorted(found)


_COLUMNS: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (CONTEXT_SPANS, ("kind",)),
    (INTERACTIONS, ()),
)
_SHARED = (
    "source_offset",
    "tenant",
    "lineage",
    "trace_id",
    "span_id",
    "parent_span_id",
    "start",
    "duration_s",
)


def _spans(
    store: StageStore, place: Partition, begin: int, end: int
) -> dict[tuple[int, Lineage], list[SpanFact]]:
    """Spans stored from a range of offsets, by their message."""
    out: dict[tuple[int, Lineage], dict[tuple[str, str], SpanFact]] = {}
    for table, more in _COLUMNS:
        for row in store.between(table, place, begin, end, (*_SHARED, *more)):
            offset, tenant, lineage, trace_id, span_id, parent, start, duration_s, *kind = row
            start_ns, end_ns = int(start), int(start) + round((duration_s or 0.0) * NS_PER_S)
            fact = SpanFact(trace_id, kind[0] if kind else MODEL, parent is None, start_ns, end_ns)
            of_message = out.setdefault((int(offset), (str(tenant), str(lineage))), {})
            of_message[trace_id, span_id] = fact
    return {at: list(found.values()) for at, found in out.items()}
