"""What was said of interactions, asked of the real engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from clickhouse_connect.driver.client import Client

from dashboard.queries import examples
from dashboard.queries.examples import Wanted
from dashboard.queries.store import ClickHouse, Scope, SeriesKey
from infra.clickhouse import connect
from tests.dashboard import world_texts
from tests.dashboard.world import NOW
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

NOW_S = int(NOW.timestamp())


@pytest.fixture(scope="module")
def client(store: str) -> Iterator[Client]:
    opened = connect(fresh_database(store, "lightship_dashboard_judged"))
    yield opened
    opened.close()


def judge(client: Client, rows: list[tuple[int, str, float | None, str | None, str]]) -> None:
    """Judgements (interaction, name, value, label, id) of `world_texts`; one with a known id corrects it."""
    seen: set[str] = set()
    data = []
    for at, (n, name, value, label, uid) in enumerate(rows):
        owner = ("default", "judged-1", "desk", "production")
        spans = (f"{n:032x}", f"{n:032x}", f"{n:016x}")
        counted_by = "" if uid in seen else "otlp_logs/0/1"
        seen.add(uid)
        data.append(
            (*owner, *spans, uid, name, value, label, NOW - timedelta(minutes=2), counted_by, at, NOW)
        )
    names = (
        *("tenant", "lineage", "service", "environment", "trace_id", "judged_trace_id", "judged_span_id"),
        *("uid", "name", "value", "label", "counted_at", "counted_by", "source_offset", "received_at"),
    )
    client.insert("judgements", data, column_names=names)


def test_what_was_said_of_interactions_is_shown_and_leads_to_them(client: Client) -> None:
    ask = ClickHouse(client)
    rows = [
        world_texts.interaction(
            NOW - timedelta(days=2, minutes=k),
            8_000 + k,
            ("en", "ask", "say"),
            0.0,
            service="desk",
            lineage="judged-1",
        )
        for k in range(6)
    ]
    world_texts.insert(client, rows)
    said = [(8_000 + k, "fit", k / 10, None, f"u{k}") for k in range(6)]
    judge(client, [*said, (8_000, "fit", 0.9, "much better", "u0"), (8_001, "tone", None, "cold", "t1")])
    scope = Scope("default", "judged-1", NOW_S)
    key = SeriesKey("desk", "production", "interaction", "judgement:fit")
    low = examples.examples(ask, scope, key, Wanted(NOW_S - 900, NOW_S, "number", hit=True, rising=False))
    assert [e.value for e in low] == [0.1, 0.2, 0.3]
    assert [f for f in low[0].facts if f[0] == "judged"] == [("judged", "tone cold"), ("judged", "fit 0.1")]
    high = examples.examples(ask, scope, key, Wanted(NOW_S - 900, NOW_S, "number", hit=True, limit=1))
    assert [dict(e.facts)["judged"] for e in high] == ["fit 0.9 (much better)"]
    tone = replace(key, score="judgement_label:tone")
    cold = Wanted(NOW_S - 900, NOW_S, "category", hit=True, category="cold")
    assert [e.trace_id for e in examples.examples(ask, scope, tone, cold)] == [f"{8_001:032x}"]
    assert examples.examples(ask, scope, key, Wanted(NOW_S - 9_000, NOW_S - 900, "number", hit=True)) == ()
    assert examples.examples(ask, Scope("other", "judged-1", NOW_S), key, cold) == ()


def test_an_example_is_its_newest_version_or_none(client: Client) -> None:
    ask = ClickHouse(client)
    rows = [
        world_texts.interaction(
            NOW - timedelta(minutes=1 + k),
            9_000 + k,
            ("en", "ask", "say"),
            0.0,
            service="desk",
            lineage="revised-1",
            duration_s=10.0 + k,
        )
        for k in range(6)
    ]
    world_texts.insert(client, rows)
    names = list(world_texts.INTERACTION_COLUMNS)
    quick = [replaced(rows[5], names, duration_s=0.5), replaced(rows[4], names, duration_s=None)]
    client.insert("interactions", [(*row, 1) for row in quick], column_names=[*names, "revision"])
    key = SeriesKey("desk", "production", "interaction", "latency_s")
    wanted = Wanted(NOW_S - 3_600, NOW_S, "positive", hit=True, limit=4)
    slow = examples.examples(ask, Scope("default", "revised-1", NOW_S), key, wanted)
    assert [e.value for e in slow] == [13.0, 12.0, 11.0, 10.0]


def replaced(row: tuple[object, ...], names: list[str], **facts: object) -> tuple[object, ...]:
    return tuple(facts.get(name, value) for name, value in zip(names, row, strict=True))
