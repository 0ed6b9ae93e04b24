"""Laws of the marks: they claim what is acknowledged, never go back, and let idle partitions go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from detectors.observation import Mark, SourcePosition
from ingest.clock_marks import FORGET_AFTER_NS, Advance, ClockMarks
from tests.wall_clock import HOUR_NS, START_NS, Machine

S = 1_000_000_000
IDLE = 30 * S
SPANS0, SPANS1 = ("otlp_spans", 0), ("otlp_spans", 1)
LIVE, IMPORT = ("default", "live"), ("default", "import-1")


def advance(offset: int, event_ns: int, lineage: tuple[str, str] = LIVE, ended: bool = False) -> Advance:
    return Advance(SourcePosition(*SPANS0, offset), lineage, event_ns, ended)


def acknowledged(clock: ClockMarks, *advances: Advance, now_ns: int) -> list[Mark]:
    clock.begin([a.source for a in advances], now_ns)
    marks = clock.marks_after(advances)
    clock.acknowledge(advances, now_ns)
    return marks


def test_a_mark_stands_for_all_messages_of_its_partition_and_the_latest_event() -> None:
    clock = ClockMarks(IDLE)
    (mark,) = acknowledged(clock, advance(3, 50), advance(4, 40), now_ns=S)
    assert mark == Mark("default", "live", *SPANS0, 5, 50)
    (mark,) = acknowledged(clock, advance(5, 45), now_ns=S)
    assert (mark.next_offset, mark.event_ns) == (6, 50)


def test_what_is_under_way_moves_no_clock() -> None:
    clock = ClockMarks(IDLE)
    acknowledged(clock, advance(0, 10), now_ns=S)
    clock.begin([SourcePosition(*SPANS0, 1)], 2 * S)
    clock.marks_after([advance(1, 99)])
    assert clock.idle_marks([SPANS0], 2 * S + IDLE // 2) == []
    (mark,) = clock.marks_after([advance(1, 20)])
    assert (mark.event_ns, mark.next_offset) == (20, 2)


def test_an_idle_live_partition_goes_on_marking_the_time() -> None:
    clock = ClockMarks(IDLE)
    acknowledged(clock, advance(0, 10), now_ns=S)
    assert clock.idle_marks([SPANS0], S + IDLE - 1) == []
    for now in (S + IDLE, 6 * S + IDLE):
        (mark,) = clock.idle_marks([SPANS0], now)
        assert mark == Mark("default", "live", *SPANS0, 1, now, idle=True)


def test_a_wall_clock_that_jumps_and_comes_back_moves_no_live_time() -> None:
    machine, clock = Machine(), ClockMarks(IDLE)
    wall = machine.clock()
    acknowledged(clock, advance(0, START_NS), now_ns=wall.now_ns())
    for jump_ns in (5 * HOUR_NS, -5 * HOUR_NS, 0):
        machine.ahead_ns = jump_ns
        machine.passed_ns += 2 * IDLE
        (mark,) = clock.idle_marks([SPANS0], wall.now_ns())
        assert mark.event_ns == START_NS + machine.passed_ns


def test_another_lineages_idle_partition_says_so_ever_less_often_until_it_has_data() -> None:
    clock = ClockMarks(IDLE)
    acknowledged(clock, advance(0, 10, IMPORT), now_ns=S)
    said = []
    for now_s in range(1, 1200):
        for mark in clock.idle_marks([SPANS0], now_s * S):
            assert mark == Mark("default", "import-1", *SPANS0, 1, 10, idle=True)
            said.append(now_s - 1)
    assert said == [30, 60, 120, 240, 480, 780, 1080]
    (mark,) = acknowledged(clock, advance(1, 20, IMPORT), now_ns=1200 * S)
    assert not mark.idle
    assert clock.idle_marks([SPANS0], 1229 * S) == []
    assert len(clock.idle_marks([SPANS0], 1230 * S)) == 1


def test_a_partition_that_never_had_data_does_not_hold_a_lineage() -> None:
    clock = ClockMarks(IDLE)
    acknowledged(clock, advance(0, 10, IMPORT), now_ns=S)
    clock.idle_marks([SPANS0, SPANS1], S)
    found = clock.idle_marks([SPANS0, SPANS1], S + IDLE)
    assert [(m.partition, m.event_ns, m.idle) for m in found] == [(0, 10, True), (1, 0, True)]


def test_an_ended_lineage_says_nothing_more() -> None:
    clock = ClockMarks(IDLE)
    (mark,) = acknowledged(clock, advance(0, 10, IMPORT, ended=True), now_ns=S)
    assert mark.ended
    assert clock.idle_marks([SPANS0], 10 * IDLE) == []


def test_nothing_is_idle_while_the_store_does_not_answer_nor_right_after() -> None:
    clock = ClockMarks(IDLE)
    acknowledged(clock, advance(0, 10), now_ns=S)
    waiting = Advance(SourcePosition(*SPANS1, 0), LIVE, 11)
    clock.begin([waiting.source], 2 * S)
    late = 2 * S + 3 * IDLE
    assert clock.idle_marks([SPANS0, SPANS1], late) == []
    clock.acknowledge([waiting], late)
    assert clock.idle_marks([SPANS0, SPANS1], late + IDLE - 1) == []
    assert len(clock.idle_marks([SPANS0, SPANS1], late + IDLE)) == 2


def test_a_partition_with_unread_messages_is_not_idle() -> None:
    clock = ClockMarks(IDLE)
    acknowledged(clock, advance(0, 10), now_ns=S)
    assert clock.idle_marks([SPANS0], S + IDLE, behind={SPANS0}) == []


def test_an_offset_learned_from_the_ledger_is_claimed_for_idle_partitions_alone() -> None:
    clock = ClockMarks(IDLE)
    clock.learn([LIVE], {SPANS0: 9, SPANS1: 7}, 0)
    (mark,) = acknowledged(clock, advance(5, 10), now_ns=S)
    assert mark.next_offset == 6
    found = clock.idle_marks([SPANS0, SPANS1], 2 * S) + clock.idle_marks([SPANS0, SPANS1], 3 * S + IDLE)
    assert [(m.partition, m.next_offset) for m in found] == [(0, 6), (1, 7)]


def test_revoked_partitions_are_forgotten() -> None:
    clock = ClockMarks(IDLE)
    acknowledged(clock, advance(5, 10), now_ns=S)
    clock.begin([SourcePosition(*SPANS0, 6)], S)
    clock.forget({SPANS0})
    (mark,) = clock.marks_after([advance(0, 3)])
    assert (mark.next_offset, mark.event_ns) == (1, 3)
    assert len(clock.idle_marks([SPANS1], 9 * IDLE)) == 0
    assert len(clock.idle_marks([SPANS1], 11 * IDLE)) == 1


def test_a_lineage_long_without_data_is_forgotten_unless_it_is_live() -> None:
    clock = ClockMarks(IDLE)
    acknowledged(clock, advance(0, 1, IMPORT), advance(1, 1, LIVE), now_ns=0)
    late = FORGET_AFTER_NS + 1
    assert {m.lineage for m in clock.idle_marks([SPANS0], late)} == {"live"}


@pytest.mark.parametrize("idle_ns", [0, -1])
def test_the_idle_bound_must_be_positive(idle_ns: int) -> None:
    with pytest.raises(ValueError, match=str(idle_ns)):
        ClockMarks(idle_ns)


class AnyHistory(RuleBasedStateMachine):
    """Messages begin, finish, stall and stop in any order; partitions come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ClockMarks(IDLE)
        self.now_ns = 0
        self.next = {SPANS0: 0, SPANS1: 0}
        self.acked = {SPANS0: 0, SPANS1: 0}
        self.under_way: list[Advance] = []
        self.last: dict[tuple[int, str], Mark] = {}
        self.ended: set[tuple[int, str]] = set()

    def see(self, marks: list[Mark], upto: dict[tuple[str, int], int]) -> None:
        for m in marks:
            key = (m.partition, m.lineage)
            assert m.next_offset <= upto[m.topic, m.partition]
            before = self.last.get(key)
            if before is not None:
                assert m.event_ns >= before.event_ns
                assert m.next_offset >= before.next_offset
            self.last[key] = m

    @rule(
        partition=st.sampled_from([SPANS0, SPANS1]),
        lineage=st.sampled_from([LIVE, IMPORT]),
        event_s=st.integers(0, 1000),
        seconds=st.integers(0, 20),
    )
    def message(
        self, partition: tuple[str, int], lineage: tuple[str, str], event_s: int, seconds: int
    ) -> None:
        if self.under_way:
            return
        self.now_ns += seconds * S
        offset = self.next[partition]
        self.next[partition] += 1
        self.under_way = [Advance(SourcePosition(*partition, offset), lineage, event_s * S)]
        self.clock.begin([a.source for a in self.under_way], self.now_ns)

    @rule(seconds=st.integers(0, 100))
    def finish(self, seconds: int) -> None:
        if not self.under_way:
            return
        self.now_ns += seconds * S
        marks = self.clock.marks_after(self.under_way)
        upto = dict(self.acked)
        for a in self.under_way:
            upto[a.partition] = a.source.offset + 1
        self.see(marks, upto)
        self.clock.acknowledge(self.under_way, self.now_ns)
        self.acked, self.under_way = upto, []

    @rule(seconds=st.integers(0, 100))
    def timer(self, seconds: int) -> None:
        self.now_ns += seconds * S
        marks = self.clock.idle_marks([SPANS0, SPANS1], self.now_ns)
        assert all(m.idle for m in marks)
        busy = {a.partition for a in self.under_way}
        assert not busy & {(m.topic, m.partition) for m in marks}
        assert all(
            m.event_ns == self.now_ns for m in marks if m.lineage == "live" and m.event_ns <= self.now_ns
        )
        self.see(marks, self.acked)

    @invariant()
    def one_batch_at_a_time(self) -> None:
        assert len(self.under_way) <= 1


TestAnyHistory = AnyHistory.TestCase


@given(st.permutations([advance(0, 30), advance(1, 10), advance(2, 20)]))
def test_marks_of_a_batch_do_not_depend_on_its_order(order: list[Advance]) -> None:
    (mark,) = ClockMarks(IDLE).marks_after(order)
    assert (mark.next_offset, mark.event_ns) == (3, 30)
