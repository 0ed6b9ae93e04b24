"""Names of agents and traces reach calls that were stored before the spans which hold them."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from ingest.messages import RawMessage
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import INTERACTIONS, TRACES
from tests.ingest.raw import RECEIVED_NS, observations, raw
from tests.ingest.telemetry import chat, log, logs, messages, span, traces
from tests.ingest.test_score_stage import account, rows, run, stage

BARE = {k: v for k, v in chat().items() if not k.endswith("messages")}
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "pilot"}


def the_run() -> list[RawMessage]:
    """A run as its spans end: a call, the chain around it, its text, the agent, another call, the root."""
    said = {"gen_ai.input.messages": messages(("user", "Tide?"))}
    parts: list[Any] = [
        traces(span(BARE, span_id=4, parent=3, start_s=1)),
        traces(span({"gen_ai.operation.name": "chain"}, span_id=3, parent=2, start_s=0.5, duration_s=2)),
        logs(log("gen_ai.client.inference.operation.details", attributes=said, span_id=4, at_s=2)),
        traces(span(AGENT, span_id=2, parent=1, name="invoke_agent pilot", duration_s=4)),
        traces(span(chat(), span_id=5, parent=1, start_s=5)),
        traces(span({"http.route": "/chat"}, span_id=1, name="POST /chat", duration_s=9)),
    ]
    topics = ["otlp_logs" if p.DESCRIPTOR.name.startswith("ExportLogs") else "otlp_spans" for p in parts]
    return [raw(topic, 0, n, p) for n, (topic, p) in enumerate(zip(topics, parts, strict=True))]


def named(store: MemoryStore) -> list[tuple[Any, ...]]:
    names = ("span_id", "agent_name", "trace_name", "input_text", "revision")
    return [tuple(r[n] for n in names) for r in rows(store, INTERACTIONS)]


EXPECTED = [
    ("0" * 15 + "4", "pilot", "POST /chat", "Tide?", 3),
    ("0" * 15 + "5", None, "POST /chat", "What is a lightship?", 1),
]


@pytest.mark.parametrize("size", range(6))
def test_a_call_gets_the_names_of_its_ancestors_however_messages_are_cut(size: int) -> None:
    batch = the_run()
    for cuts in combinations(range(1, len(batch)), size):
        store = MemoryStore()
        on = stage(store)
        for begin, end in zip((0, *cuts), (*cuts, len(batch)), strict=True):
            run(store, *batch[begin:end], on=on)
        assert named(store) == EXPECTED, cuts


def test_running_it_again_changes_nothing_and_no_name_is_observed_twice() -> None:
    store = MemoryStore()
    sent = [observations(run(store, message)) for message in the_run()]
    before = [rows(store, INTERACTIONS), account(store), sent]
    sent = [observations(run(store, message)) for message in the_run()]
    assert [rows(store, INTERACTIONS), account(store), sent] == before
    assert [len(o) for o in sent] == [1, 0, 1, 0, 1, 1]  # the last is that of the run


def test_text_that_adds_nothing_does_not_reach_the_row_with_a_name() -> None:
    batch = [
        raw("otlp_spans", 0, 0, traces(span(chat(), span_id=4, parent=2))),
        raw("otlp_logs", 0, 0, logs(log("gen_ai.user.message", body={"content": "Tide?"}, span_id=4))),
        raw("otlp_spans", 0, 1, traces(span(AGENT, span_id=2, name="invoke_agent pilot", duration_s=4))),
    ]
    for cut in range(4):
        store = MemoryStore()
        run(store, *batch[:cut])
        run(store, *batch[cut:])
        (row,) = rows(store, INTERACTIONS)
        assert (row["agent_name"], row["content_from"]) == ("pilot", "gen_ai.*.messages"), cut


def test_an_agent_names_the_call_that_two_instrumentations_tell() -> None:
    told = {**chat(), "gen_ai.response.id": "chatcmpl-lightship-1"}
    parts = [
        traces(
            span(told, span_id=5, parent=4, start_s=1, duration_s=0.5),
            span({"http.route": "/v1"}, span_id=4, parent=3, start_s=0.9, duration_s=0.8, name="POST"),
            span(told, span_id=3, parent=2, start_s=0.8),
        ),
        traces(span(AGENT, span_id=2, name="invoke_agent pilot", duration_s=4)),
    ]
    store = MemoryStore()
    for n, part in enumerate(parts):
        run(store, raw("otlp_spans", 0, n, part))
    assert [(r["span_id"][-1], r["agent_name"]) for r in rows(store, INTERACTIONS)] == [("5", "pilot")]


def test_a_call_that_comes_after_its_agent_is_named() -> None:
    parts = [
        traces(span(AGENT, span_id=2, parent=1, name="invoke_agent pilot", duration_s=4)),
        traces(span({"gen_ai.operation.name": "chain"}, span_id=3, parent=2, start_s=0.5, duration_s=2)),
        traces(span({"http.route": "/chat"}, span_id=1, name="POST /chat", duration_s=9)),
        traces(span(chat(), span_id=4, parent=3, start_s=1)),
    ]
    batch = [raw("otlp_spans", 0, n, part) for n, part in enumerate(parts)]
    for cut in range(5):
        store = MemoryStore()
        sent = [o for part in (batch[:cut], batch[cut:]) for o in observations(run(store, *part))]
        (row,) = rows(store, INTERACTIONS)
        assert (row["agent_name"], row["trace_name"]) == ("pilot", "POST /chat"), cut
        before = rows(store, INTERACTIONS)
        run(store, *batch)  # read again
        assert (rows(store, INTERACTIONS), len(sent)) == (before, 2)


def test_a_run_that_ended_before_its_agent_came_has_no_name_of_it_however_messages_are_cut() -> None:
    other, tool = "0" * 31 + "7", {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "tide"}
    parts = [
        traces(span(chat(), span_id=4, parent=2), span(tool, span_id=5, parent=2)),
        traces(
            span(chat(), span_id=6, parent=9, trace=other, start_s=900)
        ),  # the clock goes on past the wait
        traces(span(AGENT, span_id=2, name="invoke_agent pilot", duration_s=4)),
    ]
    batch = [raw("otlp_spans", 0, n, part, received_ns=RECEIVED_NS + 10**12) for n, part in enumerate(parts)]
    for cut in range(4):
        store = MemoryStore()
        run(store, *batch[:cut])
        run(store, *batch[cut:])
        assert [(r["agent_name"], r["name"]) for r in rows(store, TRACES)] == [(None, None)], cut
        assert [r["agent_name"] for r in rows(store, INTERACTIONS)] == ["pilot", None]


def test_names_that_a_call_has_stay() -> None:
    store = MemoryStore()
    inner = {**AGENT, "gen_ai.agent.name": "deckhand"}
    for n, part in enumerate(
        [
            traces(span(chat(), span_id=3, parent=2), span(inner, span_id=2, parent=1, duration_s=2)),
            traces(span(AGENT, span_id=1, name="invoke_agent pilot", duration_s=3)),
        ]
    ):
        run(store, raw("otlp_spans", 0, n, part))
    (row,) = rows(store, INTERACTIONS)
    assert (row["agent_name"], row["trace_name"]) == ("deckhand", "invoke_agent pilot")


def test_an_agent_names_no_call_beside_it_and_none_of_another_trace() -> None:
    store = MemoryStore()
    other = "0" * 31 + "7"
    parts = [
        traces(span(chat(), span_id=3, parent=9), span(chat("x", "y"), span_id=4, parent=2, trace=other)),
        traces(span(AGENT, span_id=2, parent=9, duration_s=3)),
    ]
    for n, part in enumerate(parts):
        run(store, raw("otlp_spans", 0, n, part))
    assert [(r["agent_name"], r["revision"]) for r in rows(store, INTERACTIONS)] == [(None, 0), (None, 0)]
