"""Season profile: real cycles are kept, noise is not, and the calendar is that of UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.engine.season import HourCells, HourGrid, fit_profile
from detectors.engine.ticks import day_number, hour_of_day, weekday, whole_days
from tests.detectors.streams import DAY, MONDAY, TICK_S, flags


@given(st.integers(0, 4_000_000_000), st.sampled_from([60, 300, 600, 3600]))
def test_hours_and_weekdays_are_those_of_the_utc_clock(second: int, tick_s: int) -> None:
    tick = np.array([second // tick_s], dtype=np.int64)
    at = datetime.fromtimestamp(int(tick[0]) * tick_s, UTC)
    assert hour_of_day(tick, tick_s)[0] == at.hour
    assert weekday(day_number(tick, tick_s))[0] == at.weekday()


def test_a_day_counts_only_when_it_is_whole() -> None:
    assert [whole_days(t, TICK_S) for t in (0, DAY - 1, DAY, 2 * DAY - 1)] == [0, 0, 1, 1]


def test_sums_per_hour_keep_every_event_whatever_the_start() -> None:
    rng = np.random.default_rng(1)
    x = rng.random((3, 1000))
    grid = HourGrid(MONDAY + 77 + np.arange(1000), TICK_S)
    assert np.allclose(grid.sums(x).sum((1, 2)), x.sum(1))


def _profile(n: np.ndarray, s: np.ndarray, first_tick: int = MONDAY):  # type: ignore[no-untyped-def]
    grid = HourGrid(first_tick + np.arange(len(n)), TICK_S)
    return fit_profile(HourCells(grid.sums(n.T.copy()), grid.sums(s.T.copy()), grid.weekdays, len(n) // DAY))


def test_noise_leaves_the_profile_flat_in_almost_all_series() -> None:
    n, s = flags(np.random.default_rng(2), 0.05, days=14, series=200)
    profile = _profile(n, s)
    assert np.mean(np.abs(profile.hour).max(1) > 0) < 0.1
    assert np.mean(np.abs(profile.week).max(1) > 0) < 0.1


def test_a_daily_cycle_is_found_in_every_series_and_at_the_right_hours() -> None:
    n, s = flags(np.random.default_rng(3), 0.05, days=14, series=50, daily=0.5)
    hour = _profile(n, s).hour
    assert (np.abs(hour).max(1) > 0).all()
    assert np.abs(hour.mean(0).argmax() - 6) <= 1  # the sine peaks at six o'clock
    assert np.abs(hour.mean(0).argmin() - 18) <= 1


def test_a_weekend_is_found_from_two_weeks_and_no_earlier_than_one() -> None:
    rng = np.random.default_rng(4)
    days = 14
    weekend = (np.arange(days * DAY) // DAY) % 7 >= 5
    n = rng.poisson(20.0, (days * DAY, 40)).astype(float)
    s = rng.binomial(n.astype(int), np.where(weekend, 0.08, 0.05)[:, None]).astype(float)
    week = _profile(n, s).week
    assert np.mean(week[:, 5] > week[:, 0]) > 0.9
    assert np.allclose(week[:, 5], week[:, 6])
    assert np.allclose(week[:, 0], week[:, 4])
    assert not _profile(n[: 6 * DAY], s[: 6 * DAY]).week.any()
    # the same ticks a day earlier in the week: Sunday and Monday stand out, the contrast is blurred
    shifted = _profile(n, s, MONDAY + 2 * DAY).week
    assert np.mean(shifted[:, 5] > shifted[:, 0]) < np.mean(week[:, 5] > week[:, 0])


def test_series_without_events_have_zeros_and_no_warning() -> None:
    zeros = np.zeros((3 * DAY, 2))
    profile = _profile(zeros, zeros)
    assert not profile.level.any()
    assert not profile.hour.any()
