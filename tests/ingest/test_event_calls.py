"""A call that only a log record tells of is counted once, whatever of it comes in whatever order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.observation import SourcePosition
from ingest.agents.score.stage import ScoreStage
from ingest.messages import RawMessage
from ingest.otlp.assembly.assemble import EVALUATION_EVENT
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import CONTENT_RECORDS, CONTEXT_SPANS, INTERACTIONS, JUDGEMENTS, LEDGER
from ingest.units.duplicate_calls import Views
from tests.at_length import examples
from tests.ingest.raw import HASH_KEY, RECEIVED_NS, SCORING, SETTINGS, observations, raw
from tests.ingest.telemetry import TRACE, chat, log, logs, span, traces
from tests.ingest.test_score_stage import account, rows, run, stage

DETAILS = "gen_ai.client.inference.operation.details"
WAIT_NS = round(SETTINGS.detection.lateness_s / 2 * 1e9)
WHOLE = {**chat(), "gen_ai.response.id": "chatcmpl-lightship-1"}


def event(
    *, at_s: float = 1.0, offset: int = 0, partition: int = 0, received_ns: int = RECEIVED_NS, **more: Any
) -> RawMessage:
    record = log(DETAILS, attributes=more.pop("attributes", WHOLE), at_s=at_s, **more)
    return raw("otlp_logs", partition, offset, logs(record), received_ns=received_ns)


def clock(
    offset: int, received_ns: int = RECEIVED_NS + WAIT_NS, *, partition: int = 0, **more: Any
) -> RawMessage:
    """A message without records, as of which what came long before is waited for no longer."""
    return raw("otlp_logs", partition, offset, b"", received_ns=received_ns, **more)


def calls(store: MemoryStore, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(r[n] for n in names) for r in rows(store, INTERACTIONS)]


def balanced(store: MemoryStore) -> bool:
    """Whether every message holds as many rows as its account says, and all add up."""
    at: dict[tuple[str, int, int], int] = {}
    for table in (INTERACTIONS, CONTEXT_SPANS, CONTENT_RECORDS):
        for r in rows(store, table):
            place = (r["source_topic"], r["source_partition"], r["source_offset"])
            at[place] = at.get(place, 0) + 1
    said = {
        (r["topic"], r["partition"], r["offset"]): r["stored"] + r["reasons"].get("event_calls", 0)
        for r in rows(store, LEDGER)
    }
    sums = all(received == sum(parts) for _, received, *parts in account(store))
    return sums and {k: n for k, n in said.items() if n} == at


def test_an_event_whose_span_never_comes_is_a_call_after_the_wait() -> None:
    store = MemoryStore()
    on = stage(store)
    assert observations(run(store, event(), clock(1, RECEIVED_NS + WAIT_NS - 1), on=on)) == []
    assert rows(store, INTERACTIONS) == []
    (o,) = observations(run(store, clock(2), on=on))
    (row,) = rows(store, INTERACTIONS)
    assert (row["trace_id"], row["span_id"]) == (TRACE, "0" * 15 + "1")
    assert (row["input_text"], row["output_text"]) == ("What is a lightship?", "A ship that is a lighthouse.")
    assert (row["service"], row["environment"], row["release"]) == ("harbour-chat", "prod", "7.1")
    assert (row["duration_s"], row["score_latency_s"]) == (None, 0.0)  # these scorers give one all the same
    assert (row["content_from"], row["input_tokens"], row["source_offset"]) == (
        "log:operation.details",
        12,
        2,
    )
    assert (o.source, len(o.minutes)) == (SourcePosition("otlp_logs", 0, 2), 1)
    assert account(store) == [(1, 1, 1, 0, 0, 0), (0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0)]
    assert [r["reasons"] for r in rows(store, LEDGER)] == [{}, {}, {"event_calls": 1}]
    assert balanced(store)
    assert on.counters()["lightship_score_event_calls_total"] == 1


def test_a_restart_makes_the_same_call_at_the_same_message() -> None:
    store = MemoryStore()
    run(store, event())
    stage(store).process([clock(1)])  # stored, and the process ended before anything was sent
    before = store.rows(INTERACTIONS)
    (o,) = observations(run(store, clock(1)))
    assert (o.source.offset, store.rows(INTERACTIONS)) == (1, before)
    assert observations(run(store, clock(2, RECEIVED_NS + 2 * WAIT_NS))) == []
    assert store.rows(INTERACTIONS) == before
    assert balanced(store)


def test_a_span_in_time_is_the_call_and_the_event_its_text() -> None:
    store = MemoryStore()
    bare = {k: v for k, v in WHOLE.items() if not k.endswith("messages")}
    run(store, event(), raw("otlp_spans", 0, 0, traces(span(bare))), clock(1))
    assert calls(store, "duration_s", "output_text", "source_topic") == [
        (1.0, "A ship that is a lighthouse.", "otlp_spans")
    ]
    assert balanced(store)


def test_a_span_that_comes_later_is_a_revision_of_the_call() -> None:
    store = MemoryStore()
    run(store, event(), clock(1))
    late = raw("otlp_spans", 0, 0, traces(span(WHOLE, parent=9)))
    sent = observations(run(store, late))
    assert sent == observations(run(store, late))  # read again after a restart
    (row,) = rows(store, INTERACTIONS)
    assert (row["duration_s"], row["parent_span_id"], row["revision"]) == (1.0, "0" * 15 + "9", 1)
    assert row["source_topic"] == "otlp_logs"
    run(store, raw("otlp_spans", 0, 1, traces(span(WHOLE, parent=9))))  # and sent again
    assert rows(store, INTERACTIONS) == [row]
    assert balanced(store)
    assert account(store)[-2:] == [(1, 1, 0, 1, 0, 0)] * 2


def test_an_event_without_a_trace_has_ids_of_its_content_time_and_service() -> None:
    store = MemoryStore()
    bare = {k: v for k, v in WHOLE.items() if k != "gen_ai.response.id"}
    again: dict[str, Any] = {"trace": None, "span_id": None, "attributes": bare}
    run(store, event(**again))
    run(store, event(offset=1, **again))  # a client that retries, after a restart of the worker
    run(store, event(offset=2, at_s=2.0, **again))  # the same words, later
    run(store, clock(3))
    found = calls(store, "trace_id", "span_id")
    assert len(set(found)) == len(found) == 2
    assert all(trace[:16] == span_id for trace, span_id in found)
    assert balanced(store)


def test_a_span_with_the_response_id_of_an_event_without_a_trace_is_no_second_call() -> None:
    for order in permutations(("event", "clock", "span")):
        if order.index("event") > order.index("clock"):
            continue
        store = MemoryStore()
        on = stage(store)
        parts = {
            "event": event(trace=None, span_id=None),
            "clock": clock(1),
            "span": raw("otlp_spans", 1, 0, traces(span(WHOLE))),
        }
        for name in order:
            run(store, parts[name], on=on)
        assert calls(store, "duration_s", "response_id") == [(1.0, "chatcmpl-lightship-1")], order
        assert balanced(store)


class HandClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = RECEIVED_NS

    def now_ns(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)


def test_a_late_span_finds_the_call_that_another_worker_has_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Views, "ENOUGH", 0)  # one place tells of calls, so far as a worker knows
    clock_ = HandClock()
    store = MemoryStore()
    here, there = (ScoreStage(store, SCORING, SETTINGS, HASH_KEY, clock_) for _ in range(2))
    for n in range(2):  # no log record yet
        run(store, raw("otlp_spans", 1, n, traces(span(chat(), trace=f"{n}a" * 16))), on=there)
    run(store, event(trace=None, span_id=None), clock(1), on=here)
    clock_.sleep(31)
    run(store, raw("otlp_spans", 1, 2, traces(span(WHOLE))), on=there)
    assert [r for (r,) in calls(store, "response_id") if r] == ["chatcmpl-lightship-1"]


def test_events_of_one_span_with_other_response_ids_are_other_calls_below_it() -> None:
    store = MemoryStore()
    step = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "pilot"}
    run(
        store,
        event(),
        event(offset=1, at_s=2, attributes={**WHOLE, "gen_ai.response.id": "chatcmpl-lightship-2"}),
    )
    run(store, raw("otlp_spans", 0, 0, traces(span(step, duration_s=3))))
    run(store, clock(2))
    found = calls(store, "parent_span_id", "response_id")
    assert found == [("0" * 15 + "1", "chatcmpl-lightship-1"), ("0" * 15 + "1", "chatcmpl-lightship-2")]
    assert balanced(store)


def test_a_judgement_that_came_before_meets_the_call() -> None:
    store = MemoryStore()
    said = {"gen_ai.evaluation.name": "helpful", "gen_ai.evaluation.score.value": 1.0}
    run(store, event(), raw("otlp_logs", 0, 1, logs(log(EVALUATION_EVENT, attributes=said, at_s=3))))
    assert [r["judged_span_id"] for r in rows(store, JUDGEMENTS)] == [""]
    found = observations(run(store, clock(2)))
    assert [r["judged_span_id"] for r in rows(store, JUDGEMENTS)] == ["0" * 15 + "1"]
    assert [name for o in found for name in o.scores if name.startswith("judgement")] == ["judgement:helpful"]


def test_an_event_beside_the_call_of_its_time_in_its_trace_is_no_second_call() -> None:
    store = MemoryStore()
    bare = {k: v for k, v in WHOLE.items() if k != "gen_ai.response.id"}
    run(store, raw("otlp_spans", 0, 0, traces(span(WHOLE, span_id=2))), event(attributes=bare), clock(1))
    assert calls(store, "span_id") == [("0" * 15 + "2",)]


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.output.messages": "[]"},
        {k: v for k, v in chat().items() if "request" in k or "operation" in k or "input.messages" in k},
    ],
)
def test_an_event_that_is_no_whole_call_is_none(attributes: dict[str, Any]) -> None:
    store = MemoryStore()
    run(store, event(attributes=attributes), clock(1))
    assert rows(store, INTERACTIONS) == []
    assert len(rows(store, CONTENT_RECORDS)) == 1


def test_what_cannot_be_scored_costs_no_record() -> None:
    store = MemoryStore()
    run(store, event(attributes={**WHOLE, **chat("unscorable")}), clock(1))
    assert (rows(store, INTERACTIONS), len(rows(store, CONTENT_RECORDS))) == ([], 1)
    assert balanced(store)


PIECES = ("span", "span again", "event", "event again", "other event", "twin", "clock", "restart")


def piece(name: str, offsets: dict[str, int], elapsed: int) -> RawMessage:
    at_ns = RECEIVED_NS + elapsed * (WAIT_NS // 2)
    topic = "otlp_spans" if name.startswith(("span", "twin")) else "otlp_logs"
    offset = offsets[topic] = offsets.get(topic, -1) + 1
    if name == "clock":
        return clock(offset, at_ns)
    if name == "other event":  # of another call, without a trace
        other = {**chat("Tide?", "High."), "gen_ai.response.id": "chatcmpl-lightship-7"}
        return event(offset=offset, received_ns=at_ns, trace=None, span_id=None, attributes=other)
    if topic == "otlp_logs":
        return event(offset=offset, received_ns=at_ns)
    request = traces(
        span(WHOLE, span_id=2 if name == "twin" else 1, trace="e" * 32 if name == "twin" else TRACE)
    )
    return raw(topic, 0, offset, request, received_ns=at_ns)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=st.lists(st.sampled_from(PIECES), min_size=1, max_size=12), cut=st.integers(1, 4))
def test_whatever_comes_in_whatever_order_each_call_is_counted_once(order: Sequence[str], cut: int) -> None:
    store = MemoryStore()
    on = stage(store)
    offsets: dict[str, int] = {}
    counted: dict[SourcePosition, Any] = {}
    batch: list[RawMessage] = []
    elapsed = 0
    for name in (*order, "clock", "clock", "clock", "clock"):
        if name == "restart":
            on = stage(store)
            continue
        batch.append(piece(name, offsets, elapsed := elapsed + (name == "clock")))
        if len(batch) >= cut or name == "clock":
            for o in observations(run(store, *batch, on=on)):
                counted.setdefault(o.source, o)
            batch = []
    told = {"lightship-7"} if "other event" in order else set()
    told |= {"lightship-1"} if set(order) - {"other event", "clock", "restart"} else set()
    ids = [response.removeprefix("chatcmpl-") for (response,) in calls(store, "response_id")]
    assert sorted(ids) == sorted(told)
    errors = [c for o in counted.values() if "error" in o.scores for c in o.scores["error"].rows]
    assert len(errors) == len(told)  # each call is counted once
    assert balanced(store)
