"""Provisional findings: seen before their tick closes, then confirmed or withdrawn, and never decisive."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from detectors.engine.snapshot import pack, unpack
from detectors.finding import Finding
from detectors.watch.provisional_findings import OpenTick
from detectors.watch.watcher import ServiceWatcher
from tests.at_length import at_length
from tests.detectors.test_watcher import CHANGE, leak, longer, refusals_in_spanish
from tests.detectors.traffic import DAY, KEY, START, World, config, observation

AT = datetime(2026, 5, 1, tzinfo=UTC)


def run(world: World, *, peek: bool, cuts: frozenset[int] = frozenset()) -> list[Finding]:
    """Findings of a world, looking at open ticks or not; from a snapshot at ``cuts``."""
    watcher = ServiceWatcher(KEY, config(), START // 5)
    rows = list(world.rows())
    found: list[Finding] = []
    for offset, first in enumerate(range(0, len(rows), 4)):
        batch = rows[first : first + 4]
        if offset in cuts:
            watcher = ServiceWatcher.restore(KEY, config(), *unpack(pack(*watcher.state())))
        watcher.observe(observation(batch, offset), offset)
        found += watcher.peek(offset) if peek else []
        found += watcher.advance((batch[-1].minute - 2) // 5, offset).findings
    return found + watcher.advance(None, len(rows)).findings


def closed(findings: list[Finding]) -> list[Finding]:
    """What closed ticks said, but for ids."""
    return [replace(f, finding_id="") for f in findings if f.status == "confirmed"]


@pytest.mark.parametrize("change", at_length([refusals_in_spanish, leak, longer]))
def test_what_is_seen_early_decides_nothing_and_is_settled(change: object) -> None:
    world = World(seed=2, per_day=600, days=14.6, change=change)  # type: ignore[arg-type]
    early = run(world, peek=True)
    assert closed(early) == closed(run(world, peek=False))
    by_id: dict[str, list[str]] = defaultdict(list)
    for f in early:
        by_id[f.finding_id].append(f.status)
    assert by_id
    for statuses in by_id.values():
        assert statuses[0] == "confirmed" or statuses[1] in ("confirmed", "withdrawn")
        assert statuses.count("provisional") <= 1
    first = early[0]
    assert first.status == "provisional"
    confirmed = next(f for f in early if f.finding_id == first.finding_id and f.status == "confirmed")
    assert first.made_at <= confirmed.made_at
    assert first.onset_low is not None
    assert first.onset_low <= datetime.fromtimestamp(CHANGE * 60, UTC) + timedelta(minutes=10)


@pytest.mark.long
def test_a_snapshot_between_seeing_and_settling_changes_nothing() -> None:
    world = World(seed=2, per_day=600, days=14.6, change=refusals_in_spanish)
    rows = len(list(world.rows()))
    draw = np.random.default_rng(3)
    last = rows // 4
    cuts = frozenset(int(c) for c in draw.integers(int(last * 14 * DAY / (14.6 * DAY)), last, 40))
    assert run(world, peek=True, cuts=cuts) == run(world, peek=True)


def stated(name: str) -> Finding:
    return Finding(
        finding_id=name,
        alert_kind="drift",
        status="confirmed",
        tenant="default",
        lineage="live",
        environment=None,
        service="desk",
        unit="interaction",
        score="refusal",
        slice="all",
        series=None,
        made_at=AT,
        severity="page",
    )


def test_confirmed_keeps_its_first_id_and_the_rest_is_withdrawn_when_its_tick_closes() -> None:
    seen = OpenTick()
    assert seen.say("a", 5, stated("1")).status == "provisional"
    seen.say("b", 5, stated("2"))
    seen.say("c", 6, stated("3"))
    seen.mute("d", 6)
    assert [seen.knows(name) for name in "abcde"] == [True, True, True, True, False]
    other = OpenTick()
    other.restore(seen.state())
    assert other == seen
    assert seen.confirm("a", stated("9")) == stated("1")
    assert [(f.finding_id, f.status, f.made_at) for f in seen.withdraw(5, AT)] == [("2", "withdrawn", AT)]
    assert seen.withdraw(5, AT) == []
    assert [seen.knows(name) for name in "abcd"] == [False, False, True, True]
    assert seen.confirm("e", stated("9")) == stated("9")
