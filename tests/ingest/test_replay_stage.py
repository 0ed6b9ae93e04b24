"""Whatever rows of acknowledged messages the store loses, a replay brings back; the account balances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.messages import RawMessage
from ingest.score.stage import ScoreStage
from ingest.store.stage_store import MemoryStore
from ingest.store.tables import CONTENT_RECORDS, CONTEXT_SPANS, INTERACTIONS, LEDGER, Table
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
    assert tables(store) == before
