"""Conversations: when they end, what is counted, and that the order of partitions does not matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.observation import ABSENT, Mark, Observation, ServiceKey, SourcePosition
from detectors.scorers import SPECS, score_conversations
from ingest.agents.detect.shard import Shard
from ingest.repository.observations import INTERACTION, Observed, keyed_hash, observe
from ingest.units.conversations import Conversations, Limits
from tests.at_length import examples
from tests.detectors.traffic import config

S = 1_000_000_000
KEY = ServiceKey("default", "live", "prod", "desk")
HASH = keyed_hash(b"sixteen bytes or")
BASE_S = 29_000_000 * 60


@dataclass(frozen=True)
class Call:
    """A model call as a test tells it; times in seconds."""

    at_s: float
    conversation: str | None = "c1"
    trace: str = "t1"
    prompt: int | None = None
    failed: bool = False
    refused: bool | None = None
    tokens: int | None = None
    release: str | None = None
    partition: int = 0
    latency_s: float = 0.0
    addition: bool = False
    says: tuple[tuple[str, float], ...] = ()


def observation(offset: int, *calls: Call) -> Observation:
    rows = []
    for c in calls:
        scores: dict[str, Any] = {} if c.addition else {"error": float(c.failed), "latency_s": c.latency_s}
        if c.refused is not None:
            scores["refusal"] = float(c.refused)
        if c.tokens is not None:
            scores["input_tokens"] = float(c.tokens)
        scores |= dict(c.says)
        at_ns = round((BASE_S + c.at_s) * S)
        rows.append(Observed(at_ns, {"release": c.release}, scores, "u1", c.conversation, c.trace, c.prompt))
    topic = "otlp_logs" if calls[0].addition else "otlp_spans"
    return observe(KEY, SourcePosition(topic, calls[0].partition, offset), INTERACTION, rows, SPECS, HASH)


def fresh(**limits: Any) -> Conversations:
    return Conversations(score_conversations, SPECS, Limits(**limits))


def mark_ns(at_s: float) -> int:
    return round((BASE_S + at_s) * S)


def rows(found: Sequence[Observation]) -> list[dict[str, Any]]:
    """Ended conversations, one mapping each: when, and the value of every score."""
    out = []
    for o in found:
        for i, minute in enumerate(o.minutes):
            row: dict[str, Any] = {"minute": minute - BASE_S // 60, "conversation": o.conversations[i]}
            for name, column in o.scores.items():
                grid = SPECS[name].grid
                assert grid is not None
                if column.rows[i] != ABSENT:
                    row[name] = grid.value(column.rows[i])
            for name, column in o.dimensions.items():
                if column.rows[i] != ABSENT:
                    row[name] = column.values[column.rows[i]]
            out.append(row)
    return out


def ended(*calls: Call, until_s: float = 100_000, **limits: Any) -> list[dict[str, Any]]:
    held = fresh(**limits)
    for i, call in enumerate(calls):
        held.add(observation(i, call), 0)
    return rows(held.advance(mark_ns(until_s), 7))


def test_a_conversation_is_counted_once_at_the_time_it_came_to_rest() -> None:
    held = fresh()
    held.add(observation(0, Call(10, trace="a", prompt=1), Call(70.5, trace="b", prompt=2)), 0)
    assert held.advance(mark_ns(1800), 1) == []
    (row,) = rows(held.advance(mark_ns(1871), 2))
    assert row["minute"] == 31  # 70.5 s + 30 min
    assert row["turns"] == pytest.approx(2, rel=0.02)
    assert row["conversation_duration_s"] == pytest.approx(60.5, rel=0.02)
    assert row["ended_in_error"] == 0
    assert row["repeated_prompts"] == 0
    assert row["conversation"] == HASH("default", "c1")
    assert held.advance(mark_ns(10_000), 3) == []


def test_what_is_summed_and_what_the_last_call_decides() -> None:
    (row,) = ended(
        Call(0, trace="a", failed=True, tokens=1000, refused=True, release="1"),
        Call(5, trace="b", tokens=500, refused=False, release="2", latency_s=2),
        Call(9, trace="c", failed=True, refused=False),
    )
    assert row["conversation_errors"] == pytest.approx(2, rel=0.02)
    assert row["conversation_input_tokens"] == pytest.approx(1500, rel=0.02)
    assert row["ended_in_error"] == 1
    assert row["refused_share"] == pytest.approx(1 / 3, abs=0.02)
    assert row["release"] == "2"
    assert "repeated_prompts" not in row
    (calm,) = ended(Call(0, failed=True), Call(5))
    assert calm["ended_in_error"] == 0
    assert "refused_share" not in calm


def test_an_agent_that_calls_models_for_one_prompt_takes_one_turn() -> None:
    (row,) = ended(*(Call(i, trace="a", prompt=5) for i in range(4)), Call(9, trace="b", prompt=5))
    assert row["turns"] == pytest.approx(2, rel=0.02)
    assert row["repeated_prompts"] == pytest.approx(0.5, abs=0.03)
    (alone,) = ended(*(Call(i, trace="a", prompt=i) for i in (1, 2, 2, 3)))  # a session in one trace
    assert alone["turns"] == pytest.approx(3, rel=0.02)


def test_what_messages_say_counts_once_for_a_message() -> None:
    object_to = (("user_objects", 1.0), ("asks_for_human", 0.0), ("rephrases", 1.0))
    calm = (("user_objects", 0.0), ("asks_for_human", 0.0))
    (row,) = ended(
        Call(0, trace="a", prompt=1, says=calm),
        Call(5, trace="b", prompt=2, says=object_to),
        Call(6, trace="b", prompt=2, says=object_to),  # an agent's second call for the same message
    )
    flags = ("conversation_objected", "conversation_asked_for_human", "conversation_rephrased")
    assert [row[f] for f in flags] == [1, 0, 1]
    (quiet,) = ended(Call(0, prompt=1, says=calm), Call(5, trace="b", prompt=2))
    assert [quiet.get(f) for f in flags] == [0, 0, None]
    assert not set(flags) & set(ended(Call(0), Call(5, trace="b"))[0])


def test_the_rise_of_a_score_over_turns_is_that_above_an_earlier_one() -> None:
    def turns(*values: float) -> dict[str, Any]:
        calls = [Call(i, trace=str(i), prompt=i, says=(("injection", v),)) for i, v in enumerate(values, 1)]
        return ended(*calls)[0]

    assert turns(0.1, 0.05, 0.4, 0.9, 0.2)["injection_rise"] == pytest.approx(0.85, abs=0.03)
    assert turns(0.9, 0.5, 0.1)["injection_rise"] == 0
    assert "injection_rise" not in turns(0.9)
    assert "harm_rise" not in turns(0.1, 0.9)


def test_content_that_came_late_adds_to_its_conversation_and_is_no_call() -> None:
    late = Call(5, trace="b", prompt=1, refused=True, addition=True)
    (row,) = ended(late, Call(5, trace="b"), Call(0, trace="a", prompt=1))
    assert row["turns"] == pytest.approx(2, rel=0.02)
    assert row["refused_share"] == 1
    assert row["repeated_prompts"] == pytest.approx(0.5, abs=0.03)
    assert ended(late) == []


def test_a_pause_and_the_greatest_length_begin_another_conversation() -> None:
    assert len(ended(Call(0), Call(1799), Call(1799 + 1800))) == 2
    long = [Call(i * 60) for i in range(40)]
    assert [r["minute"] for r in ended(*long, longest_s=1200)] == [20, 39 + 30]
    assert len(ended(*long, max_calls=10)) == 4


def test_calls_without_a_conversation_and_late_ones_are_left_out() -> None:
    held = fresh()
    held.add(observation(0, Call(0, conversation=None), Call(50)), mark_ns(100))
    assert held.late == 1
    assert held.advance(mark_ns(100_000), 0) == []


def test_memory_is_bounded_and_what_is_dropped_is_counted() -> None:
    held = fresh(max_open=3)
    for i in range(5):
        held.add(observation(i, Call(i, conversation=f"c{i}")), 0)
    assert len(rows(held.advance(mark_ns(9_000), 0))) == 3
    assert held.evicted == 2
    full = fresh(max_waiting=2)
    for i in range(5):
        full.add(observation(i, Call(i)), 0)
    assert full.not_taken == 3


def test_a_lineage_that_is_complete_leaves_nothing_open() -> None:
    held = fresh()
    held.add(observation(0, Call(0), Call(3000, conversation="c2")), 0)
    found = rows(held.advance(mark_ns(3300), 1, complete=True))
    assert [r["minute"] for r in sorted(found, key=lambda r: r["minute"])] == [30, 54]
    assert held.open == 0


calls = st.lists(
    st.builds(
        Call,
        at_s=st.integers(0, 9000).map(lambda n: n * 1.5),
        conversation=st.sampled_from(("c1", "c2", "c3", None)),
        trace=st.sampled_from(("a", "b", "c", "d")),
        prompt=st.sampled_from((None, 1, 2)),
        failed=st.booleans(),
        refused=st.sampled_from((None, True, False)),
        tokens=st.sampled_from((None, 10, 700)),
        release=st.sampled_from((None, "1", "2")),
        partition=st.integers(0, 2),
        says=st.sampled_from(
            ((), (("user_objects", 1.0), ("injection", 0.5)), (("injection", 0.1), ("harm", 0.7)))
        ),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=examples(150), deadline=None)
@given(found=calls, draw=st.data())
def test_neither_order_across_partitions_nor_marks_nor_restarts_change_what_comes_out(
    found: list[Call], draw: st.DataObject
) -> None:
    limits = {"longest_s": 5400.0, "max_calls": 6, "max_open": 2}
    messages = [observation(i, c) for i, c in enumerate(found)]
    calm = fresh(**limits)
    for m in messages:
        calm.add(m, 0)
    expected = rows(calm.advance(mark_ns(20_000), 0))
    held, got, watermark = fresh(**limits), list[dict[str, Any]](), 0
    left = list(draw.draw(st.permutations(messages)))
    while left:
        held.add(left.pop(), watermark)
        if draw.draw(st.booleans()):  # everything before the watermark has come
            latest = min((m.minutes[0] * 60 * S for m in left), default=mark_ns(20_000))
            watermark = max(watermark, latest - draw.draw(st.integers(0, 600)) * S)
            got += rows(held.advance(watermark, 0))
        if draw.draw(st.booleans()):
            state = held.state()
            held = fresh(**limits)
            held.restore(state)
            assert held.state() == state
    got += rows(held.advance(mark_ns(20_000), 0))
    assert held.late == 0

    def order(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["conversation"], row["minute"], sorted((k, str(v)) for k, v in row.items())

    assert sorted(got, key=order) == sorted(expected, key=order)


def mark(partition: int, next_offset: int, at_s: float) -> Mark:
    return Mark("default", "live", "otlp_spans", partition, next_offset, mark_ns(at_s))


CONFIG = replace(config(), specs=SPECS)


def shard() -> Shard:
    return Shard(CONFIG, 2, 0)


def cells_of(one: Shard) -> dict[tuple[str, str, str, int], tuple[int, float]]:
    return {
        (r.series.unit, r.series.score, r.series.slice, r.start_s): (r.n, r.total) for _, r, _ in one.cells
    }


def test_a_shard_counts_conversations_of_both_partitions_also_from_a_snapshot() -> None:
    log: list[Observation | Mark] = [
        observation(0, Call(0, trace="a")),
        mark(0, 1, 10),
        replace(observation(0, Call(20, trace="b", failed=True, partition=1)), key=KEY),
        mark(1, 1, 30),
        observation(0, Call(0, trace="a")),  # stage 1 ran again
        mark(0, 2, 2000),
        mark(1, 2, 2400),
        mark(0, 3, 2700),
    ]
    calm = shard()
    for offset, message in enumerate(log):
        calm.apply(offset, message)
    whole = {k: v for k, v in cells_of(calm).items() if k[0] == "conversation"}
    assert {k[1] for k in whole} >= {"turns", "ended_in_error", "conversation_errors"}
    assert {(n, total) for (_, s, _, _), (n, total) in whole.items() if s == "ended_in_error"} == {(1, 1.0)}
    for cut in range(len(log)):
        first = shard()
        for offset in range(cut):
            first.apply(offset, log[offset])
        second = Shard.unpack(first.pack(), CONFIG, 2, 0)
        assert second.pack() == first.pack()
        second.cells = first.cells
        for offset in range(cut, len(log)):
            second.apply(offset, log[offset])
        assert cells_of(second) == cells_of(calm)
