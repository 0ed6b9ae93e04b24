"""What the fast path does about findings that others said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detectors.change.recovery import Recovery
from detectors.fast.fast_watch import ACCEPTED, FastWatch, Key
from detectors.finding import Finding
from detectors.series.watched_series import OpenFinding
from tests.detectors.test_watcher import refusals_in_spanish
from tests.detectors.traffic import SPECS, World, config, watch

KEY: Key = ("interaction", "refusal")


@pytest.fixture(scope="module")
def whole() -> Finding:
    """Of the engine: refusals rose over all traffic."""
    _, findings = watch(World(seed=1, per_day=500, change=refusals_in_spanish))
    return replace(findings[0], slice="all", baseline_value=0.05, current_value=0.2, effect_high=0.25)


def _silenced(finding: Finding | None) -> FastWatch:
    """One that says no more of refusals, because of ``finding`` of its own or of somebody else's."""
    specs = {**SPECS, "refusal": replace(SPECS["refusal"], usual=0.1)}
    watched = FastWatch("desk", config(specs=specs))
    recovery = Recovery("flag", 0.05, 0.3, 1.0, 1.0, 1e-6)
    watched.say(KEY, OpenFinding(finding, 0, recovery))
    return watched


def _rests(watched: FastWatch) -> bool:
    unit = watched.units[KEY[0]]
    return bool(unit.resting[unit.scores.index(KEY[1])])


def test_an_accepted_rise_is_the_level_from_which_it_bets_again(whole: Finding) -> None:
    watched = _silenced(None)
    assert _rests(watched)
    watched.settle(whole)
    assert not _rests(watched)
    assert watched.accepted[KEY] == pytest.approx(0.3)
    unit = watched.units[KEY[0]]
    unit._first[0], unit._first[1] = 1000.0, 10.0  # it began well below
    watched.price(None)
    assert (watched.ceilings[KEY].source, watched.ceilings[KEY].rate) == (ACCEPTED, watched.accepted[KEY])


def test_an_accepted_fall_is_no_level_for_rises(whole: Finding) -> None:
    watched = _silenced(None)
    watched.settle(replace(whole, direction="fall"))
    assert not _rests(watched)
    assert watched.accepted == {}


def test_a_slice_or_another_score_concerns_nobody_here(whole: Finding) -> None:
    watched = _silenced(None)
    for other in (replace(whole, slice="language=es"), replace(whole, score="output_length")):
        watched.settle(other)
    assert _rests(watched)
    assert watched.accepted == {}


def test_a_change_of_its_own_goes_on(whole: Finding) -> None:
    mine = replace(whole, alert_kind="fast", finding_id="0" * 16)
    watched = _silenced(mine)
    watched.settle(whole)
    assert _rests(watched)
    assert watched.withdraw(mine.finding_id) == mine
    assert not _rests(watched)
