"""The newest calls, and those of a trace, from the real engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from infra import clickhouse
from infra.clock import NS_PER_S
from ingest.agents.score.stage import ScoreStage
from ingest.operations.calls.query import Scope, newest, of_trace, steps_of
from ingest.repository.writer import ClickHouseStore
from tests.databases import fresh_database
from tests.ingest.raw import HASH_KEY, SCORING, SETTINGS, raw
from tests.ingest.telemetry import START_NS, chat, span, traces

pytestmark = pytest.mark.integration

LIVE = Scope("default", "live")
RECEIVED_NS = START_NS + 5 * NS_PER_S


@pytest.fixture(scope="module", name="store")
def filled(store: str) -> Iterator[Client]:
    """Five runs of a call and a tool, a second apart."""
    client = clickhouse.connect(fresh_database(store, "calls"))
    stage = ScoreStage(ClickHouseStore(client), SCORING, SETTINGS, HASH_KEY)
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    tool["gen_ai.tool.call.arguments"] = '{"q":"lights"}'
    for n in range(5):
        trace = f"{n + 1:032x}"
        request = traces(
            span(chat(f"Question {n}"), span_id=10 + n, trace=trace, start_s=n),
            span(tool, span_id=20 + n, trace=trace, start_s=n + 0.5, error="no"),
        )
        stage.process([raw("otlp_spans", 0, n, request, received_ns=RECEIVED_NS + n * NS_PER_S)])
    yield client
    client.close()


def test_the_newest_come_oldest_first_and_no_more_than_asked_for(store: Client) -> None:
    found = newest(store, LIVE, RECEIVED_NS, 3)
    assert [f.interaction.input_text for f in found] == ["Question 2", "Question 3", "Question 4"]
    assert newest(store, LIVE, RECEIVED_NS + 4 * NS_PER_S, 10) == found[2:]
    assert newest(store, LIVE, RECEIVED_NS, 3, [found[1].key]) == [found[0], found[2]]
    assert len(newest(store, Scope("default", "live", "harbour-chat", "prod"), 0, 10)) == 5
    for none in (Scope("other", "live"), Scope("default", "x"), Scope("default", "live", "y")):
        assert newest(store, none, 0, 10) == []


def test_a_trace_is_found_by_its_id_and_a_call_by_its_span(store: Client) -> None:
    (call,) = of_trace(store, "default", f"{3:032x}")
    assert call.interaction.input_text == "Question 2"
    assert of_trace(store, "default", f"{12:016x}") == [call]
    assert of_trace(store, "other", f"{3:032x}") == []
    (tool,) = steps_of(store, "default", "live", f"{3:032x}")
    assert (tool.kind, tool.tool_name, tool.error) == ("tool", "search", True)
    assert tool.tool_arguments == '{"q":"lights"}'
