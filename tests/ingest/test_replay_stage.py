"""Whatever rows of acknowledged messages the store loses, a replay brings back; the account balances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.agents.score.stage import ScoreStage
from ingest.messages import RawMessage
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import CONTENT_RECORDS, CONTEXT_SPANS, INTERACTIONS, LEDGER, Row, Table
from tests.at_length import examples
from tests.ingest.raw import HASH_KEY, SCORING, SETTINGS
from tests.ingest.test_score_stage_crashes import one_by_one, streams, tables

LOSABLE = (INTERACTIONS, CONTEXT_SPANS, CONTENT_RECORDS, LEDGER)


def source(table: Table, row: Sequence[Any]) -> tuple[Any, ...]:
    names = LEDGER.key if table is LEDGER else tuple(f"source_{n}" for n in ("topic", "partition", "offset"))
    return tuple(row[table.index[name]] for name in names)


def lose(store: MemoryStore, lost: set[tuple[str, tuple[Any, ...]]]) -> None:
    """Delete the rows of a table that came from a message."""
    for table in LOSABLE:
        rows = store._tables.get(table.name, {})
        for key in [k for k, row in rows.items() if (table.name, source(table, row)) in lost]:
            del rows[key]


def told_again(store: MemoryStore, order: list[RawMessage], lost: set[Any]) -> list[RawMessage]:
    """Messages with a second span, the agent or the root of a call whose row was lost, in order."""
    calls = INTERACTIONS.index
    rows = [r for r in store.rows(INTERACTIONS) if source(INTERACTIONS, r) in lost]
    ids = {f"{r[calls['trace_id']]}:{r[calls['span_id']]}" for r in rows}
    traces = {r[calls["trace_id"]] for r in rows}
    spans = CONTEXT_SPANS.index
    at = {
        source(CONTEXT_SPANS, r)
        for r in store.rows(CONTEXT_SPANS)
        if r[spans["attributes"]].get("duplicate_of") in ids
        or (
            r[spans["trace_id"]] in traces and (r[spans["kind"]] == "agent" or not r[spans["parent_span_id"]])
        )
    }
    found = [m for m in order if (m.topic, m.partition, m.offset) in at]
    return sorted(found, key=lambda m: (m.topic, m.partition, m.offset))


def without_when(found: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Rows but for what came late: a lost row whose text came later is made of both at once."""
    at = INTERACTIONS.index["late_scores"] - 1  # `tables` leaves out the revision
    assert INTERACTIONS.index["revision"] < at + 1
    return {**found, INTERACTIONS.name: [(*r[:at], *r[at + 1 :]) for r in found[INTERACTIONS.name]]}


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=streams(), data=st.data())
def test_lost_rows_come_back_and_the_account_balances(order: list[RawMessage], data: st.DataObject) -> None:
    store, _ = one_by_one(order)
    before = tables(store)
    places = [(m.topic, m.partition, m.offset) for m in order]
    which = st.tuples(st.sampled_from([t.name for t in LOSABLE]), st.sampled_from(places))
    lost = set(data.draw(st.lists(which, max_size=8)))
    lose(store, lost)
    stage = ScoreStage(store, SCORING, SETTINGS, HASH_KEY, replays=True)
    for message in sorted(order, key=lambda m: (m.topic, m.partition, m.offset)):
        if any(at == (message.topic, message.partition, message.offset) for _, at in lost):
            stage.process([message])
            stage.acknowledged([message])
            stage.revoke([(message.topic, message.partition)])
    for message in told_again(store, order, {at for table, at in lost if table == INTERACTIONS.name}):
        stage.process([message])
        stage.acknowledged([message])
        stage.revoke([(message.topic, message.partition)])
    assert without_when(tables(store)) == without_when(before)
