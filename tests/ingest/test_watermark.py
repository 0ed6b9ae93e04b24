from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.observation import Mark, SourcePosition
from ingest.agents.detect.watermark import LineageClock
from ingest.clock_marks import SELDOM, Advance, ClockMarks

S = 1_000_000_000


def mark(partition: int, offset: int, at_s: int, *, idle: bool = False, ended: bool = False) -> Mark:
    return Mark("t", "live", "otlp_spans", partition, offset, at_s * S, idle, ended)


def test_a_partition_that_never_marked_holds_the_clock() -> None:
    clock = LineageClock("demo-1", 2, 0, 300 * S)
    clock.update(mark(0, 10, 500))
    assert clock.watermark_ns() == 0
    clock.update(mark(1, 3, 200))
    assert clock.watermark_ns() == 200 * S


def test_lateness_is_taken_off() -> None:
    clock = LineageClock("live", 1, 120 * S, 300 * S)
    clock.update(mark(0, 1, 1000))
    assert clock.watermark_ns() == 880 * S


def test_live_partitions_tell_the_time() -> None:
    clock = LineageClock("live", 2, 0, S)
    clock.update(mark(0, 5, 900))
    clock.update(mark(1, 5, 300, idle=True))
    assert clock.watermark_ns() == 300 * S


def test_an_idle_partition_stands_where_others_stood_when_it_spoke_before() -> None:
    clock = LineageClock("import-1", 2, 0, S)
    seen = []
    for said in (
        mark(0, 5, 900),
        mark(1, 5, 300),
        mark(0, 6, 2000),
        mark(1, 5, 300, idle=True),
        mark(0, 7, 3000),
        mark(1, 5, 300, idle=True),
    ):
        clock.update(said)
        seen.append(clock.watermark_ns() // S)
    assert seen == [0, 300, 300, 900, 900, 2000]


HOLDERS, IDLE_S, TIMER_S = 3, 30, 5


@dataclass
class Holders:
    """A worker for each partition, and what detection makes of their marks."""

    now_s: int = 1000
    marks: list[ClockMarks] = field(default_factory=lambda: [ClockMarks(IDLE_S * S) for _ in range(HOLDERS)])
    clock: LineageClock = field(default_factory=lambda: LineageClock("import-1", HOLDERS, 0, 300 * S))
    read: list[int] = field(default_factory=lambda: [0] * HOLDERS)

    def __post_init__(self) -> None:
        for one in self.marks:
            one.learn([("t", "import-1")], {}, self.now_s * S)

    def message(self, partition: int, event_s: int, *, ended: bool = False) -> None:
        """One is read, worked on and acknowledged."""
        at = SourcePosition("otlp_spans", partition, self.read[partition])
        self.read[partition] += 1
        advance = Advance(at, ("t", "import-1"), event_s * S, ended)
        for said in self.marks[partition].marks_after([advance]):
            self.clock.update(said)
        self.marks[partition].acknowledge([advance], self.now_s * S)

    def wait(self, seconds: int) -> None:
        """Time passes, and every worker's timer with it."""
        until = self.now_s + seconds
        while self.now_s < until:
            self.now_s += 1
            for partition, one in enumerate(self.marks):
                if (self.now_s + partition) % TIMER_S == 0:
                    for said in one.idle_marks([("otlp_spans", partition)], self.now_s * S):
                        self.clock.update(said)


REQUESTS = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.lists(
            st.tuples(st.integers(0, HOLDERS - 1), st.integers(0, IDLE_S // HOLDERS - 1)),
            min_size=1,
            max_size=HOLDERS,
            unique_by=lambda piece: piece[0],
        ),
    ),
    max_size=12,
)
"""Pauses, and of each request the pieces: partition, and seconds until it is read."""


@given(REQUESTS)
def test_nothing_is_late_because_somebody_paused(requests: list[tuple[int, list[tuple[int, int]]]]) -> None:
    """A request's pieces lie in several partitions and are read one after another, in any order."""
    holders = Holders()
    event_s = 1000
    for pause_s, pieces in requests:
        holders.wait(pause_s)
        event_s += 1000
        for partition, after_s in pieces:
            holders.wait(after_s)
            assert holders.clock.watermark_ns() < event_s * S
            holders.message(partition, event_s)
    holders.wait(2 * SELDOM * IDLE_S)
    assert holders.clock.watermark_ns() == (event_s * S if requests else 0)


def test_a_lineage_ends_when_every_partition_has_ended() -> None:
    clock = LineageClock("import-1", 2, 0, 300 * S)
    clock.update(mark(0, 5, 900, ended=True))
    clock.update(mark(1, 5, 300))
    assert clock.watermark_ns() == 300 * S
    clock.update(mark(1, 6, 300, ended=True))
    assert clock.watermark_ns() == 1200 * S
    clock.update(mark(0, 6, 5000))
    clock.update(mark(1, 7, 4000))
    assert clock.watermark_ns() == 4000 * S


@pytest.mark.parametrize("seed", range(30))
def test_the_watermark_never_goes_back_and_survives_a_restart(seed: int) -> None:
    draw = random.Random(seed)
    clock = LineageClock(draw.choice(["live", "demo-1"]), 3, 60 * S, 300 * S)
    offsets = [0, 0, 0]
    last = 0
    for _ in range(200):
        p = draw.randrange(3)
        offsets[p] += draw.randrange(-2, 5)
        clock.update(mark(p, max(offsets[p], 0), draw.randrange(0, 5000), idle=draw.random() < 0.2))
        now = clock.watermark_ns()
        assert now >= last
        last = now
        again = LineageClock("live" if clock._live else "demo-1", 3, 60 * S, 300 * S)
        again.restore(clock.state())
        assert again.state() == clock.state()
        assert again.watermark_ns() == now
