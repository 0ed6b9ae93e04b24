"""What people call false makes its series spend less, once each, within bounds and after any restart."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from detectors.engine.snapshot import pack, unpack
from detectors.finding import Finding
from detectors.observation import Control
from detectors.series.budget_shares import MOST_DOUBTS, BudgetShares
from detectors.series.trust_penalty import DOUBT
from detectors.watch.watcher import ServiceWatcher
from tests.detectors.test_accept import run
from tests.detectors.test_watcher import CHANGE, since
from tests.detectors.traffic import KEY, START, Row, World, config, observation

LN2 = math.log(2.0)


def doubted(finding_id: str, score: str = "refusal") -> Control:
    names = {"unit": "interaction", "score": score, "slice": "all", "finding_id": finding_id}
    return Control(KEY, DOUBT, 0, {**names, "actor": "Ada", "reason": "a load test"})


def thresholds(watcher: ServiceWatcher) -> dict[tuple[str, str], float]:
    return {(s.score, s.slice): s.threshold for s in watcher.series_states() if s.threshold is not None}


@pytest.fixture(scope="module")
def quiet() -> bytes:
    """A service that has learned and that nothing happens in, as a snapshot."""
    watcher, said = run(World(seed=3, per_day=150, days=15, refusal=0.02), lambda _: None)
    assert said == []
    return pack(*watcher.state())


def after(quiet: bytes, *records: Control, restart: bool = False) -> ServiceWatcher:
    watcher = ServiceWatcher.restore(KEY, config(), *unpack(quiet))
    for record in records:
        watcher.control(record)
        watcher.advance(watcher.next_tick + 1, 10**6)
        if restart:
            watcher = ServiceWatcher.restore(KEY, config(), *unpack(pack(*watcher.state())))
    return watcher


@pytest.mark.parametrize("restart", [False, True])
def test_each_false_finding_halves_what_its_series_spends_and_no_other(quiet: bytes, restart: bool) -> None:
    before = thresholds(after(quiet))
    ids = ["f1", "f1", "f2", "f3", "f4", "f5"]
    now = thresholds(after(quiet, *(doubted(i) for i in ids), restart=restart))
    mine = ("refusal", "all")
    assert now[mine] - before[mine] == pytest.approx(MOST_DOUBTS * LN2)
    once = thresholds(after(quiet, doubted("f1"), doubted("f1"), restart=restart))
    assert once[mine] - before[mine] == pytest.approx(LN2)
    assert {k: v for k, v in now.items() if k != mine} == {k: v for k, v in before.items() if k != mine}


def test_a_record_of_a_series_that_is_not_there_changes_nothing(quiet: bytes) -> None:
    assert thresholds(after(quiet, doubted("f1", score="nobody-knows"))) == thresholds(after(quiet))


@since
def some_refusals(row: Row, draw: np.random.Generator) -> Row:
    return replace(row, scores={**row.scores, "refusal": float(draw.random() < 0.09)})


def found_in(world: World, doubts: int) -> tuple[int, Finding]:
    """When refusals are found that rise after so many findings of theirs were called false."""
    watcher, batch, asked, offset = ServiceWatcher(KEY, config(), START // 5), list[Row](), False, 0
    for row in world.rows():
        batch.append(row)
        if len(batch) < 16:
            continue
        if not asked and row.minute >= CHANGE - 120:
            asked = True
            for i in range(doubts):
                watcher.control(doubted(f"f{i}"))
        watcher.observe(observation(batch, offset), offset)
        tick = (row.minute - 2) // 5
        for finding in watcher.advance(tick, offset).findings:
            mine = thresholds(watcher).get((finding.score, finding.slice))
            if finding.score == "refusal" and finding.threshold == pytest.approx(mine):
                return tick, finding  # of the series: the fast path has a threshold of its own
        batch, offset = [], offset + 1
    raise AssertionError("not found")


def test_what_is_real_is_found_all_the_same_a_little_later() -> None:
    """Three false findings cost a series ln 8 of evidence."""
    world = World(seed=3, per_day=300, days=20, refusal=0.02, change=some_refusals)
    (tick, finding), (later, doubtful) = found_in(world, 0), found_in(world, MOST_DOUBTS)
    assert doubtful.threshold is not None
    assert finding.threshold is not None
    assert doubtful.threshold - finding.threshold == pytest.approx(MOST_DOUBTS * LN2)
    assert tick <= later <= tick + 576, "within two days"
    assert {doubtful.direction, finding.direction} == {"rise"}


def test_shares_of_before_there_were_doubts_are_read() -> None:
    shares = BudgetShares.restore([[7, "page", "rollup", 0.25]])
    assert shares.doubts == {}
    assert shares.penalise(7, "f1")
    assert BudgetShares.restore(shares.state()).doubts == {7: ("f1",)}
    half = BudgetShares.restore([[7, "page", "rollup", 0.125]])
    assert BudgetShares.restore(shares.state()).w(7, 1, config()) == pytest.approx(half.w(7, 1, config()))
