"""Baselines as they grow older: refreshed where nothing changed, never dragged along by a slow drift."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.change.comparison import BANDS, Difference, LevelEstimate
from detectors.counts.series_rows import SeriesState
from detectors.engine.dispersion import fit_flags, fit_values
from detectors.engine.snapshot import pack
from detectors.finding import Finding
from detectors.observation import Control
from detectors.series.baseline_origin import ACCEPTED, REFRESHED
from detectors.watch.watcher import ServiceWatcher
from tests.detectors.hourly import DAY, weeks
from tests.detectors.streams import MONDAY, TICK_S, flags, values
from tests.detectors.test_accept import accepted
from tests.detectors.test_accept import states as all_states


def whole(watcher: ServiceWatcher) -> SeriesState:
    return all_states(watcher, "refusal")["all"]


def odds(p: float) -> float:
    return math.log(p / (1 - p))


def test_what_does_not_change_is_refreshed_and_keeps_its_state() -> None:
    before, none = weeks(lambda _: 0.05, 20)
    after, still_none = weeks(lambda _: 0.05, 75)
    old, new = whole(before), whole(after)
    assert (none, still_none) == ([], [])
    assert (old.origin, new.origin, new.state) == ("learned", REFRESHED, "watching")
    assert new.baseline_version != old.baseline_version
    assert new.n_baseline > 1.7 * old.n_baseline  # four weeks instead of two
    assert new.detectable_7d is not None
    assert old.detectable_7d is not None
    assert new.detectable_7d <= old.detectable_7d


def test_a_slow_ramp_is_said_and_never_taken_for_the_level() -> None:
    def ramp(hour: int) -> float:
        return 1 / (1 + math.exp(-odds(0.05) - 0.012 * max(hour / DAY - 14, 0)))

    watcher, findings = weeks(ramp, 90)
    assert findings
    assert findings[0].direction == "rise"
    assert findings[0].baseline_value == pytest.approx(0.05, abs=0.012)
    level = whole(watcher).baseline_value
    assert level is not None
    assert odds(level) < odds(0.05) + BANDS["flag"]


def test_little_traffic_says_neither() -> None:
    watcher, findings = weeks(lambda _: 0.05, 75, per_hour=1)
    assert findings == []
    assert whole(watcher).origin == "learned"


@pytest.mark.long
def test_an_accepted_level_goes_on_learning_until_it_rests_on_a_window() -> None:
    def step(hour: int) -> float:
        return 0.05 if hour < 15 * DAY else 0.4

    days = [whole(weeks(step, d, answer=by_hand)[0]) for d in (17, 22, 40)]
    assert [s.origin for s in days] == [ACCEPTED] * 3
    assert days[0].n_baseline < days[1].n_baseline / 3 < days[2].n_baseline / 3
    assert days[2].baseline_value == pytest.approx(0.4, abs=0.01)
    assert days[2].n_baseline == pytest.approx(14 * DAY * 60, rel=0.1)


def by_hand(finding: Finding) -> Control | None:
    record = accepted(finding)
    return None if record is None else replace(record, tick=0)


@pytest.mark.long
def test_restarts_change_nothing_of_it() -> None:
    plain, _ = weeks(lambda _: 0.05, 75)
    restarted, _ = weeks(lambda _: 0.05, 75, restart_every=50)
    assert whole(plain).origin == REFRESHED
    assert pack(*plain.state()) == pack(*restarted.state())


def test_equal_baselines_are_rarely_said_to_differ_and_often_said_to_be_the_same() -> None:
    rng = np.random.default_rng(5)
    n, s = flags(rng, 0.1, days=28, series=150)
    half = 14 * 288
    old, new = fit_flags(n[:half], s[:half], MONDAY, TICK_S), fit_flags(n[half:], s[half:], MONDAY, TICK_S)
    apart = [
        Difference.between(LevelEstimate.of(old.take([i])), LevelEstimate.of(new.take([i])))
        for i in range(len(old))
    ]
    assert sum(d.is_nothing() for d in apart) > 0.9 * len(apart)
    assert max(d.evidence() for d in apart) < math.log(len(apart))


def test_a_difference_is_told_in_log_odds_and_in_standard_deviations() -> None:
    rng = np.random.default_rng(6)
    n, s = flags(rng, 0.9, days=14, series=1)
    m, more = flags(rng, 0.95, days=14, series=1)
    mirrored = Difference.between(
        LevelEstimate.of(fit_flags(n, s, MONDAY, TICK_S)),
        LevelEstimate.of(fit_flags(m, more, MONDAY, TICK_S)),
    )
    assert mirrored.value > BANDS["flag"]  # hits became more common although misses are what is counted
    a, x = values(rng, days=14, series=1)
    before = fit_values(a, 5 * a + 2 * x, MONDAY, TICK_S)
    after = fit_values(a, 6 * a + 2 * x, MONDAY, TICK_S)
    unit = float(np.sqrt(before.event_var[0]))
    shift = Difference.between(LevelEstimate.of(before, unit), LevelEstimate.of(after, unit))
    assert shift.value == pytest.approx(0.5, rel=0.2)


standings = st.builds(LevelEstimate, st.just("flag"), st.floats(-6, 6), st.floats(1e-3, 3), st.floats(3, 1e6))


@given(standings, standings)
def test_a_difference_is_nothing_or_surely_something_or_neither_never_both(
    a: LevelEstimate, b: LevelEstimate
) -> None:
    there, back = Difference.between(a, b), Difference.between(b, a)
    assert there.is_nothing() == back.is_nothing()
    assert there.evidence() == pytest.approx(back.evidence())
    assert not (there.is_nothing() and there.evidence() > math.log(2))
