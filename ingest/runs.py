"""The runs of agents that end in a batch: found, scored, stored once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from detectors.observation import SourcePosition
from ingest.interaction import ContextSpan
from ingest.score_batch import TraceKey, Work
from ingest.scoring import Scoring, score_each
from ingest.store import SpanPlace, StageStore, asks_for
from ingest.stored_context import (
    CONTEXT_COLUMNS,
    INTERACTION_COLUMNS,
    TraceStep,
    step_of_context,
    step_of_context_row,
    step_of_interaction,
    step_of_interaction_row,
)
from ingest.stored_interaction import canonical_scores
from ingest.tables import CONTEXT_SPANS, INTERACTIONS, TRACES, Row
from ingest.trace_unit import AROUND_NS, TraceUnit, obey, stored_by, to_row, trace_unit

logger = logging.getLogger(__name__)

Root = tuple[Work, ContextSpan]


def store_runs(
    store: StageStore, scoring: Scoring, works: Sequence[Work]
) -> dict[SourcePosition, list[TraceUnit]]:
    """Runs by the position of the message that holds their root; spans of the batch must be stored already.

    Raises
    ------
    Unavailable
        If the store does not answer.
    """
    roots = [(w, c) for w in works for c in w.contexts if c.parent_span_id is None]
    if not roots:
        return {}
    steps, stored = _read(store, roots)
    for work in works:
        for context in work.contexts:
            steps.setdefault(_key(context), []).append(step_of_context(context, work.position))
        for touched in work.touched:
            if touched.source == work.position:
                steps.setdefault(touched.key[:3], []).append(step_of_interaction(touched))
    out: dict[SourcePosition, list[TraceUnit]] = {}
    fresh: list[TraceUnit] = []
    for work, root in roots:
        e = work.decoded.envelope
        observed = not (root.synthetic or e.backfill)
        unit = trace_unit(root, work.position, e.received_ns, observed, steps[_key(root)])
        if unit is None:
            continue
        row = stored.get((*_key(root), root.span_id, work.position))
        if row is not None:
            obey(unit, row)
        else:
            fresh.append(unit)
        out.setdefault(work.position, []).append(unit)
    failed = _score_and_store(store, scoring, fresh)
    return {p: [u for u in units if id(u) not in failed] for p, units in out.items()}


def _key(span: ContextSpan) -> TraceKey:
    return span.tenant, span.lineage, span.trace_id


def _read(
    store: StageStore, roots: Sequence[Root]
) -> tuple[dict[TraceKey, list[TraceStep]], dict[tuple[object, ...], Row]]:
    """Stored spans of the roots' traces, and the runs stored before."""
    steps: dict[TraceKey, list[TraceStep]] = {}
    stored: dict[tuple[object, ...], Row] = {}
    longest_ns = max(c.end_ns - c.start_ns for _, c in roots)
    places = [SpanPlace(c.tenant, c.lineage, c.service, c.trace_id, c.span_id, c.start_ns) for _, c in roots]
    for ask in asks_for(places):
        by_trace = replace(ask, span_ids=None)
        for row in store.find(TRACES, by_trace):
            root_span_id, source = stored_by(row)
            trace_id = row[TRACES.index["trace_id"]]
            stored[ask.tenant, ask.lineage, trace_id, root_span_id, source] = row
        around = replace(
            by_trace,
            services=frozenset(),
            from_ns=max(ask.from_ns - AROUND_NS, 0),
            to_ns=ask.to_ns + longest_ns + AROUND_NS,
        )
        found = [step_of_context_row(r) for r in store.find(CONTEXT_SPANS, around, CONTEXT_COLUMNS)]
        found += [step_of_interaction_row(r) for r in store.find(INTERACTIONS, around, INTERACTION_COLUMNS)]
        for step in found:
            steps.setdefault((ask.tenant, ask.lineage, step.trace_id), []).append(step)
    return steps, stored


def _score_and_store(store: StageStore, scoring: Scoring, units: Sequence[TraceUnit]) -> set[int]:
    """Score and insert new runs; identities of those that failed. They cost no record."""
    failed: set[int] = set()
    good: list[TraceUnit] = []
    for unit, scores in zip(units, score_each(scoring.traces, [u.trace for u in units]), strict=True):
        if isinstance(scores, Exception):
            failed.add(id(unit))
            continue
        unit.scores = {n: v for n, v in canonical_scores(scores).items() if not isinstance(v, str)}
        good.append(unit)
    for refused in store.insert(TRACES, [to_row(u) for u in good]):
        logger.warning("a run was not stored: %s", refused.reason)
        failed.add(id(good[refused.index]))
    return failed
