"""Who sends what, asked of the real engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client

from dashboard.queries import newest
from dashboard.queries.store import ClickHouse, Scope
from dashboard.tables import newest_rows
from dashboard.views.connect.connect_query import LAST, sending, silent
from infra.clickhouse import connect
from infra.missing_instrumentation import UnseenCalls
from ingest.operations.doctor.gather import services_of, silent_of
from tests.dashboard import world_texts
from tests.dashboard.world import NOW
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

TEXTS = ("en", "ask", "say")
SCOPE = Scope("default", "sent-1", int(NOW.timestamp()))
QUOTED = "it's \\ a [service], (really)"


@pytest.fixture(scope="module")
def client(store: str) -> Iterator[Client]:
    opened = connect(fresh_database(store, "lightship_dashboard_connect"))
    yield opened
    opened.close()


def test_the_last_calls_of_every_service_count_however_seldom_it_calls(client: Client) -> None:
    sent: list[tuple[str, str, timedelta, dict[str, object]]] = [
        *((QUOTED, "genai", timedelta(seconds=5 + k), {}) for k in range(LAST + 50)),
        # the same service by another dialect, seldom; and what it sent before its last calls
        *((QUOTED, "openinference", timedelta(days=2, seconds=k), {}) for k in range(3)),
        (QUOTED, "genai", timedelta(days=3), {"text_absent": "not captured by the app"}),
        *(("daily", "genai", timedelta(hours=3, seconds=k), {}) for k in range(LAST)),
        ("daily", "genai", timedelta(minutes=5), {"text_absent": "not captured by the app"}),
        ("weekly", "genai", timedelta(days=6), {"clock_skew": True}),
        ("weekly", "genai", timedelta(minutes=1), {}),
        ("gone", "genai", timedelta(days=8), {}),
        ("tested", "genai", timedelta(minutes=1), {"synthetic": True}),
    ]
    rows = [
        world_texts.interaction(
            NOW - ago, 10_000 + k, TEXTS, 0.0, service=name, dialect=dialect, lineage="sent-1", **facts
        )
        for k, (name, dialect, ago, facts) in enumerate(sent)
    ]
    world_texts.insert(client, rows)
    found = {(s.facts.service, s.facts.dialect): s for s in sending(ClickHouse(client), SCOPE)}
    assert {name: one.facts.n for name, one in found.items()} == {
        (QUOTED, "genai"): LAST,
        (QUOTED, "openinference"): 3,
        ("daily", "genai"): LAST,
        ("weekly", "genai"): 2,
    }
    assert found[QUOTED, "genai"].facts.without_content == 0
    assert found["daily", "genai"].facts.without_content == 1
    assert found["weekly", "genai"].facts.skewed == 1
    assert found["weekly", "genai"].newest == NOW - timedelta(minutes=1)


def test_a_call_that_was_stored_twice_counts_once_and_a_failed_one_misses_no_text(client: Client) -> None:
    now = datetime.now(UTC)
    silent: dict[str, object] = {"text_absent": "not captured by the app"}
    sent: list[dict[str, object]] = [{}, {}, silent, {**silent, "error_type": "OverloadedError"}]
    for lineage in ("live", "sent-2"):
        rows = [
            world_texts.interaction(
                now - timedelta(minutes=k), 20_000 + k, TEXTS, 0.0, service="twice", lineage=lineage, **facts
            )
            for k, facts in enumerate(sent)
        ]
        world_texts.insert(client, rows)
        world_texts.insert(client, rows)  # as a revision of each, before parts are merged
    scope = Scope("default", "sent-2", int(now.timestamp()))
    shown = [s.facts for s in sending(ClickHouse(client), scope)]
    told = [f for f in services_of(client)[0] if f.service == "twice"]
    assert [(f.n, f.without_content) for f in (*shown, *told)] == [(4, 1)] * 2


def test_the_calls_that_were_stored_last_are_there_at_once_the_newest_first(client: Client) -> None:
    now = datetime.now(UTC)
    scope = Scope("default", "sent-3", int(now.timestamp()))
    store = ClickHouse(client)
    assert newest.newest(store, scope) == ()
    kinds: list[tuple[timedelta, dict[str, object]]] = [
        (timedelta(days=2), {}),
        (timedelta(minutes=20), {"text_absent": "not captured by the app"}),
        (timedelta(seconds=1), {"error_type": "OverloadedError", "finish_reason": None}),
    ]
    for k, (ago, facts) in enumerate(kinds):
        at = {"lineage": "sent-3", "received_at": now - ago} | facts
        world_texts.insert(client, [world_texts.interaction(now - ago, 30_000 + k, TEXTS, 0.0, **at)])
    found = newest.newest(store, scope)
    assert [c.trace_id for c in found] == [f"{30_000 + k:032x}" for k in (2, 1, 0)]
    assert [newest_rows.outcome(c) for c in found] == ["OverloadedError", "stop · no text", "stop"]
    calls, steps = newest.spans(store, scope, f"{30_000:032x}")
    assert ([c.service for c in calls], steps) == (["support-bot"], ())
    (texts,) = newest.call_texts(store, scope, f"{30_000:032x}")
    assert (texts.prompt, texts.output, texts.tool_calls) == ("ask", "say", "")


def test_a_service_that_sends_and_of_which_no_call_is_seen_is_named(client: Client) -> None:
    now = datetime.now(UTC)
    for lineage in ("live", "sent-4"):
        ago = now - timedelta(minutes=11)  # the store's clock has whole seconds
        mark = {"live": 40_000, "sent-4": 50_000}[lineage]
        at = {"lineage": lineage, "service": "caller"}
        world_texts.insert(client, [world_texts.interaction(ago, mark, TEXTS, 0.0, **at)])
        # a web front whose traces hold the calls of another service; a crew without; one under way
        spans = [
            ("front", mark, ago),
            ("crew", mark + 1, ago),
            ("crew", mark + 2, ago),
            ("young", mark + 3, now),
        ]
        names = (
            "tenant",
            "lineage",
            "service",
            "trace_id",
            "span_id",
            "kind",
            "name",
            "start",
            "received_at",
        )
        rows = [
            ("default", lineage, s, f"{t:032x}", f"{t + 9:016x}", "agent", "go", b, now) for s, t, b in spans
        ]
        client.insert("context_spans", rows, column_names=names)
        events = ["gen_ai.client.inference.operation.details"] * 2 + ["app.started"]
        columns = (
            "tenant",
            "lineage",
            "service",
            "event_name",
            "ordinal",
            "record_hash",
            "at",
            "received_at",
        )
        logs = [("default", lineage, "teller", e, k, f"{k}", ago, now) for k, e in enumerate(events)]
        client.insert("content_records", logs, column_names=columns)
    scope = Scope("default", "sent-4", int(now.timestamp()))
    expected = [UnseenCalls("default", "crew", traces=2), UnseenCalls("default", "teller", events=2)]
    assert list(silent(ClickHouse(client), scope)) == expected
    assert [s for s in silent_of(client) if s.service in ("front", "crew", "young", "teller")] == expected
