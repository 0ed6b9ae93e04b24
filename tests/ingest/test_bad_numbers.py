"""Broken clocks and counters in stage 1: each call is kept, in rows that the store can take as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from detectors.observation import decode
from infra.kafka import DEAD_LETTERS, LOGS, OBSERVATIONS, SPANS
from ingest.agents.score.stage import ScoreStage
from ingest.repository.stage_store import MemoryStore, SpanQuery
from ingest.repository.tables import (
    CONTENT_RECORDS,
    CONTEXT_SPANS,
    INTERACTIONS,
    JUDGEMENTS,
    TRACES,
    Row,
    Table,
)
from tests.bad_numbers import LAST_NS, log_request, logs, spans, trace_request
from tests.ingest.raw import HASH_KEY, RECEIVED_NS, SCORING, SETTINGS, raw

_LARGEST = {"UInt8": 2**8, "UInt16": 2**16, "UInt32": 2**32, "UInt64": 2**64}
TABLES = (INTERACTIONS, CONTEXT_SPANS, CONTENT_RECORDS, JUDGEMENTS, TRACES)


class CarefulStore(MemoryStore):
    """Refuses what ClickHouse could not take: values beyond their columns, times beyond their parameters."""

    def find(self, table: Table, ask: SpanQuery, columns: Sequence[str] | None = None) -> list[Row]:
        assert 0 <= ask.from_ns <= LAST_NS, table.name
        assert 0 <= ask.to_ns <= LAST_NS, table.name
        return super().find(table, ask, columns)


def fits(type_: str, value: object) -> bool:
    """Whether a column of ClickHouse holds a value as it is."""
    if value is None:
        return "Nullable" in type_
    inner = type_.removeprefix("Nullable(").removesuffix(")")
    if inner in _LARGEST:
        return isinstance(value, int) and 0 <= value < _LARGEST[inner]
    if inner.startswith("DateTime64(9"):
        return isinstance(value, int) and 0 <= value <= LAST_NS
    if inner.startswith("Float"):
        return isinstance(value, int | float) and math.isfinite(value)
    if inner.startswith("Map") and inner.endswith("Float64)"):
        return isinstance(value, dict) and all(math.isfinite(v) for v in value.values())
    return True


@pytest.mark.parametrize("lineage", ["live", "evaluation-numbers"])
def test_everything_is_stored_once_in_rows_that_fit(lineage: str) -> None:
    store = CarefulStore()
    stage = ScoreStage(store, SCORING, SETTINGS, HASH_KEY)
    sent = list(spans(RECEIVED_NS))
    batch = [
        raw(SPANS.name, k % 2, k // 2, trace_request(span), lineage=lineage)
        for k, (_, span) in enumerate(sent)
    ]
    batch += [
        raw(LOGS.name, k % 2, k // 2, log_request(one), lineage=lineage)
        for k, one in enumerate(logs(RECEIVED_NS))
    ]
    outputs = stage.process(batch)
    letters = [o for o in outputs if o.topic == DEAD_LETTERS.name]
    assert letters == []
    for table in TABLES:
        for row in store.rows(table):
            for (name, type_), value in zip(table.columns, row, strict=True):
                assert fits(type_, value), f"{table.name}.{name} = {value!r}"
    stored = {row[t.index["trace_id"]] for t in (INTERACTIONS, CONTEXT_SPANS) for row in store.rows(t)}
    missing = [what for what, span in sent if span.trace_id.hex() not in stored]
    assert missing == []
    for o in outputs:
        if o.topic == OBSERVATIONS.name:
            decode(o.value)
