"""Traces without a root are closed at a position that follows from the log alone, and counted once."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from detectors.observation import Observation
from infra.kafka import HEADER_BACKFILL, HEADER_LINEAGE_END
from ingest.agents.score.stage import ScoreStage
from ingest.messages import Output, RawMessage
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import LEDGER, TRACES
from ingest.units.open_traces import IDLE_NS, OpenTraces, SpanFact
from tests.ingest import raw as raws
from tests.ingest.raw import HASH_KEY, SCORING, SETTINGS, observations
from tests.ingest.telemetry import START_NS, chat, span, traces

AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "pilot"}
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
T1, T2 = "a1" * 16, "a2" * 16
MINUTE = 60_000_000_000


def raw(topic: str, partition: int, offset: int, request: Message | bytes, **more: Any) -> RawMessage:
    """A message that arrived when all of the test was over: no clock is ahead of it."""
    return raws.raw(topic, partition, offset, request, received_ns=START_NS + 60 * MINUTE, **more)


def call(offset: int, trace: str = T1, at_s: float = 0, span_id: int = 1, **more: Any) -> RawMessage:
    spans = span(chat(), trace=trace, start_s=at_s, span_id=span_id, parent=more.pop("parent", 77))
    return raw("otlp_spans", 0, offset, traces(spans), **more)


def tool(offset: int, trace: str = T1, at_s: float = 1) -> RawMessage:
    return raw("otlp_spans", 0, offset, traces(span(TOOL, trace=trace, start_s=at_s, span_id=2, parent=77)))


def root(offset: int, trace: str = T1, at_s: float = 0) -> RawMessage:
    request = traces(span(AGENT, trace=trace, start_s=at_s, span_id=77, duration_s=20))
    return raw("otlp_spans", 0, offset, request)


class Stream:
    """A stage that takes one message after the other; ``restart`` makes it forget."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.stage = self._new()

    def _new(self) -> ScoreStage:
        return ScoreStage(self.store, SCORING, SETTINGS, HASH_KEY)

    def restart(self) -> None:
        self.stage = self._new()

    def take(self, *messages: RawMessage) -> list[Observation]:
        """Observations of runs."""
        outputs: list[Output] = []
        for message in messages:
            outputs += self.stage.process([message])
            self.stage.acknowledged([message])
        return [o for o in observations(outputs) if o.unit == "trace"]

    def runs(self) -> list[tuple[Any, ...]]:
        at = TRACES.index
        names = ("trace_id", "closed_by", "source_offset", "root_span_id")
        return [tuple(row[at[n]] for n in names) for row in self.store.rows(TRACES)]


def test_ten_minutes_after_its_last_span_a_trace_is_closed_where_the_clock_says_so() -> None:
    stream = Stream()
    assert stream.take(call(0), tool(1), call(2, T2, at_s=590)) == []
    (o,) = stream.take(call(3, T2, at_s=602, span_id=5))  # the tool ended in second 2
    assert o.source.offset == 3
    assert o.minutes == ((START_NS + 603_000_000_000) // MINUTE,)  # when it was closed: never late
    assert stream.runs() == [(T1, "idle", 3, "")]
    assert stream.take(call(4, T2, at_s=900, span_id=6)) == []


def test_a_restart_closes_the_same_traces_at_the_same_positions() -> None:
    stream = Stream()
    stream.take(call(0), tool(1), call(2, T2, at_s=300))
    stream.restart()
    last = call(3, T2, at_s=605, span_id=5)
    (first,) = stream.take(last)
    stream.restart()
    assert stream.take(last) == [first]
    assert stream.runs() == [(T1, "idle", 3, "")]


def test_a_root_that_comes_after_all_is_context_and_counted() -> None:
    stream = Stream()
    stream.take(call(0), tool(1), call(2, T2, at_s=700))
    assert stream.take(root(3)) == []
    stream.restart()
    assert stream.take(root(3)) == []
    assert [r[1] for r in stream.runs()] == ["idle"]
    assert stream.stage.counters()["lightship_score_late_roots_total"] == 1


def test_spans_after_the_root_do_not_count_a_run_again() -> None:
    stream = Stream()
    (o,) = stream.take(call(0), root(1))
    assert o.source.offset == 1
    assert stream.take(tool(2, at_s=3), call(3, T2, at_s=800), call(4, T2, at_s=1600, span_id=4)) == []
    assert [r[:3] for r in stream.runs() if r[0] == T1] == [(T1, "root", 1)]


def test_a_trace_whose_root_is_a_model_call_and_one_of_a_remote_parent_are_runs() -> None:
    stream = Stream()
    spans = (
        span(chat(), trace=T1, span_id=1, duration_s=9),
        span(TOOL, trace=T1, span_id=2, parent=1, start_s=2),
        span(chat(), trace=T2, span_id=1, parent=99),
        span(chat(), trace=T2, span_id=2, parent=99, start_s=2),
    )
    stream.take(raw("otlp_spans", 0, 0, traces(*spans)))
    stream.take(call(1, "b1" * 16, at_s=700))
    assert [r[:3] for r in stream.runs()] == [(T1, "idle", 1), (T2, "idle", 1)]


def test_a_model_call_alone_is_no_run() -> None:
    stream = Stream()
    alone = raw("otlp_spans", 0, 0, traces(span(chat(), trace=T1)))
    stream.take(alone, call(1, T2), call(2, "b1" * 16, at_s=700), call(3, "b1" * 16, at_s=1400, span_id=9))
    assert stream.runs() == []


def test_the_end_of_a_lineage_closes_what_is_open() -> None:
    stream = Stream()
    end = raw("otlp_spans", 0, 2, b"", records=0, lineage="import-a", more={HEADER_LINEAGE_END: b"1"})
    found = stream.take(call(0, lineage="import-a"), call(1, lineage="import-a", at_s=5, span_id=3), end)
    assert len(found) == 1
    assert stream.runs() == [(T1, "end", 2, "")]


def test_backfilled_spans_and_other_partitions_move_nothing() -> None:
    stream = Stream()
    stream.take(call(0), tool(1), call(2, T2, at_s=900, more={HEADER_BACKFILL: b"1"}))
    other = traces(span(chat(), trace=T2, start_s=900, parent=5))
    stream.take(raw("otlp_spans", 1, 0, other))
    assert stream.runs() == []
    at = LEDGER.index
    clocks = {
        (r[at["partition"]], r[at["offset"]]): r[at["clock"]] - START_NS for r in stream.store.rows(LEDGER)
    }
    assert clocks == {(0, 0): 10**9, (0, 1): 2 * 10**9, (0, 2): -START_NS, (1, 0): 901 * 10**9}


def test_memory_is_bounded() -> None:
    held = OpenTraces(max_open=2)
    for i in range(5):
        held.apply(("default", "live"), i, [SpanFact(f"t{i}", "tool", False, i, i)])
    assert held.evicted == 3
    assert [t.trace_id for t in held.apply(("default", "live"), IDLE_NS + 9, [])] == ["t3", "t4"]


facts = st.lists(
    st.tuples(
        st.integers(0, 2000),
        st.lists(
            st.builds(
                SpanFact,
                st.sampled_from(("a", "b", "c")),
                st.sampled_from(("model", "tool", "agent", "other")),
                st.booleans(),
                st.just(0),
                st.just(1),
            ),
            max_size=3,
        ),
    ),
    max_size=30,
)


@given(facts)
def test_no_trace_is_closed_before_its_time_or_kept_after_it(
    messages: list[tuple[int, list[SpanFact]]],
) -> None:
    held, lineage, clock = OpenTraces(), ("default", "live"), 0
    last: dict[str, int] = {}
    for at_s, spans in messages:
        clock = max(clock, at_s * 10**9)
        for one in spans:
            last[one.trace_id] = clock
        for closed in held.apply(lineage, at_s * 10**9, spans):
            assert clock - closed.last_clock_ns >= IDLE_NS
            assert closed.last_clock_ns == last[closed.trace_id]
        assert all(at_ns > clock for _, at_ns in held.waiting())


class Still:
    """A clock that stands."""

    def now_ns(self) -> int:
        return START_NS

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing waits {seconds} s")


def test_in_a_live_partition_that_has_gone_quiet_a_message_without_records_moves_the_clock() -> None:
    stream = Stream()
    stream.stage = ScoreStage(stream.store, SCORING, SETTINGS, HASH_KEY, Still())
    stream.take(call(0), tool(1))
    place = ("otlp_spans", 0)
    early = stream.stage.idle_marks([place], START_NS + 5 * MINUTE)
    assert [o for o in early if o.topic == "otlp_spans"] == []
    (moved,) = (
        o for o in stream.stage.idle_marks([place], START_NS + 11 * MINUTE) if o.topic == "otlp_spans"
    )
    assert (moved.partition, moved.value) == (0, b"")
    (o,) = stream.take(RawMessage(*place, 2, moved.value, headers=dict(moved.headers)))
    assert o.source.offset == 2
    assert stream.runs() == [(T1, "idle", 2, "")]
    again = stream.stage.idle_marks([place], START_NS + 12 * MINUTE)
    assert [o for o in again if o.topic == "otlp_spans"] == []
