"""Traces moved to event time: durations, nesting and order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span

from ingest.demo.chance import Chance
from ingest.demo.clock import PAUSE_LIMIT_NS, Latency, lay_out, simulated_latency

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000

Tree = tuple[int, list["Tree"]]
"""Own time of a span in ms, and its children."""


def _spans(tree: Tree, begun_ns: int = 50 * MS) -> list[ReadableSpan]:
    """A trace in which each span waits its own time before each child and at the end."""
    provider, memory = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test")

    def grow(node: Tree, at_ns: int, parent: Span | None) -> int:
        context = trace.set_span_in_context(parent) if parent else None
        span = tracer.start_span("span", context, start_time=at_ns)
        own_ns, children = node[0] * MS, node[1]
        for child in children:
            at_ns = grow(child, at_ns + own_ns, span)
        span.end(at_ns + own_ns)
        return at_ns + own_ns

    grow(tree, begun_ns, None)
    return list(memory.get_finished_spans())


def _measured(_span: ReadableSpan, _label: str) -> Latency | None:
    return None


def _duration(span: ReadableSpan) -> int:
    return (span.end_time or 0) - (span.start_time or 0)


def _by_id(spans: Sequence[ReadableSpan]) -> dict[int, ReadableSpan]:
    return {s.context.span_id: s for s in spans}


trees: st.SearchStrategy[Tree] = st.recursive(
    st.tuples(st.integers(0, 4), st.just([])),
    lambda inner: st.tuples(st.integers(0, 4), st.lists(inner, max_size=3)),
    max_leaves=12,
)


@given(trees)
def test_a_shift_keeps_durations(tree: Tree) -> None:
    """Pauses here are shorter than the limit, so nothing but the start changes."""
    before = _spans(tree)
    after = _by_id(lay_out(before, START_NS, "t", _measured))
    assert min(s.start_time or 0 for s in after.values()) == START_NS
    shift = START_NS - 50 * MS
    for span in before:
        moved = after[span.context.span_id]
        assert _duration(moved) == _duration(span)
        assert moved.start_time == (span.start_time or 0) + shift


@given(trees, st.integers(0, 10**10))
def test_stretched_spans_stay_inside_their_parents_and_come_in_order(tree: Tree, leaf_ns: int) -> None:
    after = lay_out(_spans(tree), START_NS, "t", lambda _span, _label: Latency(leaf_ns))
    ends = [s.end_time or 0 for s in after]
    assert ends == sorted(ends)
    known = _by_id(after)
    leaves = 0
    for span in after:
        if not any(s.parent and s.parent.span_id == span.context.span_id for s in after):
            assert _duration(span) == leaf_ns
            leaves += 1
        if span.parent:
            parent = known[span.parent.span_id]
            assert (parent.start_time or 0) <= (span.start_time or 0)
            assert (span.end_time or 0) <= (parent.end_time or 0)
    root = next(s for s in after if s.parent is None)
    assert _duration(root) >= leaves * leaf_ns


def test_a_busy_machine_does_not_lengthen_an_agents_run() -> None:
    after = lay_out(_spans((4000, [(1, []), (1, [])])), START_NS, "t", _measured)
    root = next(s for s in after if s.parent is None)
    assert _duration(root) == 2 * 1 * MS + 3 * PAUSE_LIMIT_NS


def _call(attributes: dict[str, str | int | float], events: Sequence[str] = ()) -> ReadableSpan:
    provider, memory = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    span = provider.get_tracer("test").start_span("call", start_time=0, attributes=attributes)
    for event in events:
        span.add_event(event, timestamp=1 * MS)
    span.end(2 * MS)
    return memory.get_finished_spans()[0]


CHAT: dict[str, str | int | float] = {"gen_ai.operation.name": "chat", "gen_ai.usage.output_tokens": 100}


def test_latency_grows_with_the_answer_and_depends_on_the_label_alone() -> None:
    latency = simulated_latency(Chance(1))
    short = [latency(_call({**CHAT, "gen_ai.usage.output_tokens": 10}), f"a/{i}") for i in range(50)]
    long = [latency(_call({**CHAT, "gen_ai.usage.output_tokens": 300}), f"a/{i}") for i in range(50)]
    assert all(a and b and a.total_ns < b.total_ns for a, b in zip(short, long, strict=True))
    assert latency(_call(CHAT), "b/1") == simulated_latency(Chance(1))(_call(CHAT), "b/1")
    assert latency(_call(CHAT), "b/1") != latency(_call(CHAT), "b/2")
    openinference: dict[str, str | int | float] = {
        "openinference.span.kind": "LLM",
        "llm.token_count.completion": 100,
    }
    assert latency(_call(openinference), "b/1") == latency(_call(CHAT), "b/1")
    assert latency(_call({"gen_ai.operation.name": "invoke_agent"}), "b/1") is None


def test_a_stream_tells_a_first_chunk_that_fits_its_latency() -> None:
    streamed = _call({**CHAT, "gen_ai.response.time_to_first_chunk": 0.001})
    (moved,) = lay_out([streamed], START_NS, "c", simulated_latency(Chance(1)))
    first_s = (moved.attributes or {})["gen_ai.response.time_to_first_chunk"]
    assert isinstance(first_s, float)
    assert 0.1 < first_s < _duration(moved) / 1e9


@pytest.mark.parametrize(("name", "place"), [("exception", "end"), ("First Token Stream Event", "inside")])
def test_events_keep_their_place_in_a_stretched_span(name: str, place: str) -> None:
    (moved,) = lay_out([_call(CHAT, [name])], START_NS, "d", simulated_latency(Chance(1)))
    (event,) = moved.events
    if place == "end":
        assert event.timestamp == moved.end_time
    else:
        assert START_NS < event.timestamp < (moved.end_time or 0)


def test_events_move_with_a_span_that_is_not_stretched() -> None:
    (moved,) = lay_out([_call({}, ["note"])], START_NS, "d", _measured)
    assert moved.events[0].timestamp == START_NS + 1 * MS
