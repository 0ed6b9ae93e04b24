"""A change that a person accepts becomes the level: from its onset, for its slices, and whatever restarts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.counts.pending_controls import Waiting
from detectors.counts.series_rows import SeriesState
from detectors.engine.snapshot import pack, unpack
from detectors.finding import Finding
from detectors.observation import Control
from detectors.watch.watcher import ServiceWatcher
from tests.detectors.test_watcher import CHANGE, since
from tests.detectors.traffic import DAY, KEY, START, Row, World, config, observation

Answer = Callable[[Finding], Control | None]


def run(
    world: World, answer: Answer, restart_every: int = 10**9
) -> tuple[ServiceWatcher, list[tuple[int, Finding]]]:
    """Feed a world; what ``answer`` says to a finding goes into the log after it. Findings by tick."""
    watcher, said, batch, offset = ServiceWatcher(KEY, config(), START // 5), [], list[Row](), 0
    for row in world.rows():
        batch.append(row)
        if len(batch) < 16:
            continue
        watcher.observe(observation(batch, offset), offset)
        tick = (row.minute - 2) // 5
        found = watcher.advance(tick, offset).findings
        said += [(tick, f) for f in found]
        for record in (answer(f) for f in found):
            if record is not None:
                watcher.control(record)
        if offset % restart_every == restart_every - 1:
            watcher = ServiceWatcher.restore(KEY, config(), *unpack(pack(*watcher.state())))
        batch, offset = [], offset + 1
    return watcher, said


def accepted(finding: Finding) -> Control | None:
    """What the alerts service writes when a person accepts."""
    if finding.ended_at is not None or finding.onset is None:
        return None
    names = {"unit": finding.unit, "score": finding.score, "slice": finding.slice}
    said = {"finding_id": finding.finding_id, "actor": "Ada", "reason": "the new prompt is shorter"}
    return Control(KEY, "accept", int(finding.onset.timestamp()) // 300, {**names, **said})


@since
def more_refusals(row: Row, draw: np.random.Generator) -> Row:
    return replace(row, scores={**row.scores, "refusal": float(draw.random() < 0.3)})


def then_more(row: Row, draw: np.random.Generator) -> Row:
    if row.minute < SECOND:
        return more_refusals(row, draw)
    return replace(row, scores={**row.scores, "refusal": float(draw.random() < 0.95)})


SECOND = CHANGE + 2 * DAY
Run = tuple[ServiceWatcher, list[tuple[int, Finding]]]


def world(days: float) -> World:
    return World(seed=1, per_day=300, days=days, refusal=0.03, change=then_more)


def states(watcher: ServiceWatcher, score: str) -> dict[str, SeriesState]:
    return {s.slice: s for s in watcher.series_states() if s.score == score}


@pytest.fixture(scope="module")
def one_change() -> Run:
    return run(world(15.5), accepted)


def test_an_accepted_change_ends_and_is_the_level_from_its_onset_on(one_change: Run) -> None:
    watcher, said = one_change
    *_, opened, closed = (f for _, f in said)
    assert {f.finding_id for _, f in said} == {opened.finding_id}
    assert (opened.slice, opened.ended_at) == ("all", None)
    assert closed.ended_at is not None
    assert "accepted as the new level" in closed.notes
    refusals = states(watcher, "refusal")
    assert {s.state for s in refusals.values()} == {"accepted"}  # the slices moved with the whole
    assert refusals["all"].first_seen == opened.onset
    assert refusals["all"].baseline_value == pytest.approx(0.3, abs=0.08)
    assert refusals["all"].baseline_version != opened.baseline_version
    assert states(watcher, "output_length")["all"].state == "watching"


def test_what_changes_after_that_is_found() -> None:
    _, said = run(world(17), accepted)
    opened = {f.finding_id: (tick, f) for tick, f in said if f.ended_at is None and f.slice == "all"}
    assert len(opened) == 2
    tick, second = list(opened.values())[1]
    assert 0 < tick * 5 - SECOND < DAY
    assert second.baseline_value == pytest.approx(0.3, abs=0.08)


@pytest.mark.long
def test_a_record_for_another_finding_changes_nothing() -> None:
    def wrong(finding: Finding) -> Control | None:
        record = accepted(finding)
        return record and replace(record, body={**record.body, "finding_id": "0" * 16})

    left, said = run(world(15), wrong)
    alone, same = run(world(15), lambda _: None)
    assert said == same != []
    assert pack(*left.state()) == pack(*alone.state())


def test_restarts_change_nothing(one_change: Run) -> None:
    plain, said = one_change
    restarted, same = run(world(15.5), accepted, restart_every=10)
    assert said == same
    assert pack(*plain.state()) == pack(*restarted.state())


records = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=12)


@given(records, st.lists(st.integers(0, 35), max_size=8))
def test_records_wait_for_their_tick_in_the_order_of_ticks_and_log(
    given_: list[tuple[int, int]], at: list[int]
) -> None:
    whole, cut = Waiting(KEY), Waiting(KEY)
    for tick, number in given_:
        for waiting in (whole, cut):
            waiting.add(Control(KEY, "accept", tick, {"number": number}))
    obeyed = []
    for tick in sorted(at):
        obeyed += cut.due(tick)
        assert all(r.tick <= tick for r in obeyed)
        other = Waiting(KEY)
        other.restore(cut.state())
        cut = other
    assert obeyed == whole.due(max(at, default=-1))
    assert [r.tick for r in obeyed] == sorted(r.tick for r in obeyed)
