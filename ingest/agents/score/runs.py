"""The runs of agents that a batch closes, by their root or by waiting in vain for it: scored, stored once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from detectors.observation import SourcePosition
from infra.fault import Fault
from infra.kafka import SPANS
from ingest.agents.fault import OF_THE_WHOLE
from ingest.agents.score.late_names import TraceKey
from ingest.agents.score.outputs import advance_of
from ingest.agents.score.scoring import Scoring, score_each
from ingest.agents.score.work import Work
from ingest.clock_marks import LIVE
from ingest.interaction import ContextSpan
from ingest.repository.context_span import (
    CONTEXT_COLUMNS,
    INTERACTION_COLUMNS,
    TraceStep,
    step_of_context,
    step_of_context_row,
    step_of_interaction,
    step_of_interaction_row,
)
from ingest.repository.interaction import canonical_scores
from ingest.repository.stage_store import Partition, SpanPlace, SpanQuery, StageStore, span_queries
from ingest.repository.tables import CONTEXT_SPANS, INTERACTIONS, TRACES, Row
from ingest.units.open_traces import MODEL, Lineage, OpenTrace, OpenTraces, SpanFact
from ingest.units.open_traces_restored import restore
from ingest.units.trace_unit import (
    AROUND_NS,
    END,
    IDLE,
    TraceUnit,
    apply_stored,
    rootless_unit,
    stored_by,
    to_row,
    trace_unit,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Closing:
    """What a message closes: with its root, or (``given_up``) without."""

    work: Work
    key: TraceKey
    start_ns: int
    end_ns: int
    root: ContextSpan | None = None
    given_up: OpenTrace | None = None


@dataclass(slots=True)
class _Partition:
    """Open traces of a source partition, and the offset before which all is applied."""

    traces: OpenTraces
    upto: int


class Runs:
    """Closes, scores and stores runs. What it remembers of open traces can be read again from the store.

    Safe for several threads, of which one calls `store`.
    """

    def __init__(self, store: StageStore, scoring: Scoring) -> None:
        self._store = store
        self._scoring = scoring
        self._partitions: dict[Partition, _Partition] = {}
        self._decided: dict[SourcePosition, tuple[int, list[OpenTrace]]] = {}
        self._lock = threading.Lock()
        self.late_roots = 0
        self.given_up = 0
        self.failed = 0
        self.without_call = 0

    def store(self, works: Sequence[Work]) -> dict[SourcePosition, list[TraceUnit]]:
        """Runs by the position of the message that closes them; the batch's spans must be stored already.

        Sets the clock of each message.

        Raises
        ------
        Unavailable
            If the store does not answer: call again with the same batch.
        """
        closings: list[_Closing] = []
        for work in works:
            closings += [
                _Closing(work, _key(c), c.start_ns, c.end_ns, root=c)
                for c in work.contexts
                if c.parent_span_id is None
            ]
            closings += self._given_up(work)
        if not closings:
            return {}
        steps, rows = self._read(closings)
        for work in works:
            for context in work.contexts:
                steps.setdefault(_key(context), []).append(step_of_context(context, work.position))
            for touched in work.touched:
                if touched.source == work.position:
                    steps.setdefault(touched.key[:3], []).append(step_of_interaction(touched))
        stored = {(key, *stored_by(row)): row for key, found in rows.items() for row in found}
        counted = {key: {stored_by(row)[1] for row in found} for key, found in rows.items()}
        out: dict[SourcePosition, list[TraceUnit]] = {}
        fresh: list[TraceUnit] = []
        for closing in closings:
            try:
                unit = self._unit(closing, steps.get(closing.key, ()), counted.get(closing.key, ()))
            except OF_THE_WHOLE:
                raise
            except Exception as error:  # noqa: BLE001 - it costs the run, and no record
                logger.error("a run was not made: %s", Fault.of(error))
                self.failed += 1
                continue
            if unit is None:
                continue
            row = stored.get((closing.key, unit.root.span_id, unit.source))
            if row is not None:
                apply_stored(unit, row)
            else:
                fresh.append(unit)
            counted.setdefault(closing.key, set()).add(unit.source)
            out.setdefault(unit.source, []).append(unit)
        failed = self._score_and_store(fresh)
        return {p: [u for u in units if id(u) not in failed] for p, units in out.items()}

    def _given_up(self, work: Work) -> list[_Closing]:
        """Traces that wait for a root no longer, as of this message."""
        at = work.position
        if at.topic != SPANS.name:
            return []
        advance = advance_of(work)
        if advance.lineage is None:
            return []
        place = (at.topic, at.partition)
        with self._lock:
            decided, have = self._decided.get(at), self._partitions.get(place)
        if decided is None:
            if have is None or at.offset < have.upto:
                have = _Partition(restore(self._store, place, at.offset), at.offset)
            closed = have.traces.apply(advance.lineage, advance.event_ns, _facts(work), ended=advance.ended)
            decided = (have.traces.clock_ns(advance.lineage), closed)
            have.upto = at.offset + 1
            with self._lock:
                self._partitions[place] = have
                self._decided[at] = decided
            self.given_up += len(closed)
        work.clock_ns = decided[0]
        return [
            _Closing(work, (*advance.lineage, t.trace_id), t.start_ns, t.end_ns, given_up=t)
            for t in decided[1]
        ]

    def _read(
        self, closings: Sequence[_Closing]
    ) -> tuple[dict[TraceKey, list[TraceStep]], dict[TraceKey, list[Row]]]:
        """Stored spans of the traces, and the runs stored of them."""
        steps: dict[TraceKey, list[TraceStep]] = {}
        runs: dict[TraceKey, list[Row]] = {}
        longest_ns = max(c.end_ns - c.start_ns for c in closings)
        places = [SpanPlace(*c.key[:2], "", c.key[2], "", c.start_ns) for c in closings]
        for ask in span_queries(places):
            around = _around(ask, longest_ns)
            for row in self._store.find(TRACES, around):
                runs.setdefault((ask.tenant, ask.lineage, row[TRACES.index["trace_id"]]), []).append(row)
            found = [step_of_context_row(r) for r in self._store.find(CONTEXT_SPANS, around, CONTEXT_COLUMNS)]
            found += [
                step_of_interaction_row(r)
                for r in self._store.find(INTERACTIONS, around, INTERACTION_COLUMNS)
            ]
            for step in found:
                steps.setdefault((ask.tenant, ask.lineage, step.trace_id), []).append(step)
        return steps, runs

    def _unit(
        self, closing: _Closing, steps: Iterable[TraceStep], counted: Iterable[SourcePosition]
    ) -> TraceUnit | None:
        """The run a message closes, unless the trace was counted before it."""
        at, e = closing.work.position, closing.work.decoded.envelope
        before = any(
            (c.topic, c.partition) == (at.topic, at.partition) and c.offset < at.offset for c in counted
        )
        if before:
            self.late_roots += closing.root is not None
            return None
        if closing.root is not None:
            observed = not (closing.root.synthetic or e.backfill)
            return trace_unit(closing.root, at, e.received_ns, observed, steps)
        why = END if e.ended else IDLE
        return rootless_unit(closing.key[:2], at, e.received_ns, steps, why, closing.work.clock_ns)

    def _score_and_store(self, units: Sequence[TraceUnit]) -> set[int]:
        """Score and insert new runs; identities of those that failed. They cost no record."""
        failed: set[int] = set()
        good: list[TraceUnit] = []
        results = score_each(self._scoring.traces, [u.trace for u in units])
        for unit, scores in zip(units, results, strict=True):
            if isinstance(scores, Exception):
                failed.add(id(unit))
                continue
            self.without_call += all(step.kind != MODEL for step in unit.trace.steps)
            unit.scores = {n: v for n, v in canonical_scores(scores).items() if not isinstance(v, str)}
            good.append(unit)
        for refused in self._store.insert(TRACES, [to_row(u) for u in good]):
            logger.warning("a run was not stored: %s", refused.reason)
            failed.add(id(good[refused.index]))
        return failed

    def acknowledged(self, positions: Iterable[SourcePosition]) -> None:
        """These messages will not be asked for again by this process."""
        with self._lock:
            for position in positions:
                self._decided.pop(position, None)

    def forget(self, partitions: Container[Partition]) -> None:
        """These source partitions went to another worker."""
        with self._lock:
            for place in [p for p in self._partitions if p in partitions]:
                del self._partitions[place]
            for at in [a for a in self._decided if (a.topic, a.partition) in partitions]:
                del self._decided[at]

    def overdue(self, partitions: Container[Partition], now_ns: int) -> list[tuple[Partition, Lineage]]:
        """Live lineages with a trace to be closed as soon as the clock of their partition says ``now_ns``."""
        with self._lock:
            return [
                (place, lineage)
                for place, have in sorted(self._partitions.items())
                if place in partitions
                for lineage, at_ns in have.traces.waiting()
                if lineage[1] == LIVE and at_ns <= now_ns
            ]

    def counters(self) -> dict[str, float]:
        """What was counted since the start, by metric name."""
        with self._lock:
            evicted = sum(p.traces.evicted for p in self._partitions.values())
        return {
            "lightship_score_traces_given_up_total": float(self.given_up),
            "lightship_score_late_roots_total": float(self.late_roots),
            "lightship_score_runs_failed_total": float(self.failed),
            "lightship_score_runs_without_call_total": float(self.without_call),
            "lightship_score_open_traces_evicted_total": float(evicted),
        }


def _key(span: ContextSpan) -> TraceKey:
    return span.tenant, span.lineage, span.trace_id


def _around(ask: SpanQuery, longest_ns: int) -> SpanQuery:
    """Every span of the traces asked for, whichever service it is of."""
    return replace(
        ask,
        services=frozenset(),
        span_ids=None,
        from_ns=max(ask.from_ns - AROUND_NS, 0),
        to_ns=ask.to_ns + longest_ns + AROUND_NS,
    )


def _facts(work: Work) -> list[SpanFact]:
    """The spans stored from a message."""
    facts = [
        SpanFact(c.trace_id, c.kind, c.parent_span_id is None, c.start_ns, c.end_ns) for c in work.contexts
    ]
    for touched in work.touched:
        i = touched.interaction
        if touched.source == work.position:
            facts.append(SpanFact(i.trace_id, MODEL, i.parent_span_id is None, i.start_ns, i.end_ns))
    return facts
