from __future__ import annotations

import random

import pytest

from detectors.observation import Mark
from ingest.detect.watermark import LineageClock

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


def test_idle_partitions_of_a_replayed_lineage_do_not_hold_it_and_live_ones_tell_the_time() -> None:
    other, live = LineageClock("import-1", 2, 0, S), LineageClock("live", 2, 0, S)
    for clock in (other, live):
        clock.update(mark(0, 5, 900))
        clock.update(mark(1, 5, 300, idle=True))
    assert other.watermark_ns() == 900 * S
    assert live.watermark_ns() == 300 * S


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
