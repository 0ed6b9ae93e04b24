"""What is expected of an hour of the week, and how long a gap may be there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from detectors.traffic.week_profile import WeekProfile, learn_profile

TICK_S, DAY = 300, 288
MONDAY = 29_635_200 // 5 + 4 * DAY
"""First tick of a Monday."""


def counts(rates: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(rates).astype(float)


def office(days: int) -> np.ndarray:
    """Twenty calls a tick from nine to six on workdays, hardly any otherwise."""
    tick = np.arange(days * DAY)
    hour, weekday = tick // 12 % 24, tick // DAY % 7
    return np.where((hour >= 9) & (hour < 18) & (weekday < 5), 20.0, 0.02)


def test_hours_of_the_week_are_learned() -> None:
    profile, _ = learn_profile(counts(office(14)), MONDAY, TICK_S)
    at = MONDAY * 5
    assert profile.rate(at + 10 * 60) == pytest.approx(4.0, rel=0.1)
    assert profile.rate(at + 3 * 60) < 0.1
    assert profile.rate(at + (5 * 24 + 12) * 60) < 0.1  # Saturday noon


def test_a_week_alone_knows_workdays_and_weekends_and_nothing_of_days_it_never_saw() -> None:
    profile, _ = learn_profile(counts(office(5)), MONDAY, TICK_S)
    assert profile.rate(MONDAY * 5 + 10 * 60) == pytest.approx(4.0, rel=0.1)
    assert profile.rate(MONDAY * 5 + (5 * 24 + 12) * 60) == 0.0


def test_the_surprise_of_a_gap_is_that_of_a_gamma_mixture_of_poisson_counts() -> None:
    profile = WeekProfile(np.full(168, 1.0), 1.0, 4.0)
    known = stats.nbinom.logpmf(0, 4.0, 4.0 / (4.0 + 30.0))
    assert profile.surprise(30.0) == pytest.approx(-known)
    assert WeekProfile(np.full(168, 1.0), 2.0, 1e6).surprise(30.0) == pytest.approx(15.0, rel=1e-3)
    assert WeekProfile(np.full(168, 1.0), 2.0, 1e6).expected_gap(0, 15.0) == 31


def test_bursts_and_wandering_days_make_gaps_less_surprising() -> None:
    flat = np.full(14 * DAY, 20.0)
    draw = np.random.default_rng(1)
    plain, _ = learn_profile(counts(flat), MONDAY, TICK_S)
    bursty, _ = learn_profile(8 * counts(flat / 8), MONDAY, TICK_S)
    days = flat * np.repeat(np.exp(draw.normal(0, 0.3, 14)), DAY)
    wandering, _ = learn_profile(counts(days), MONDAY, TICK_S)
    assert plain.surprise(20.0) > 17
    assert bursty.surprise(20.0) < 4
    assert wandering.surprise(60.0) < 40


def test_a_morning_that_begins_late_every_day_is_no_surprise() -> None:
    rates = np.zeros(14 * DAY)
    for day in range(14):  # the hour from nine on begins at half past
        rates[day * DAY + 9 * 12 + 6 : day * DAY + 18 * 12] = 20.0
    profile, _ = learn_profile(counts(rates), MONDAY, TICK_S)
    at = MONDAY * 5 + 9 * 60
    assert profile.surprise(sum(profile.rate(at + i) for i in range(30))) < 12


def test_no_calls_no_profile() -> None:
    with pytest.raises(ValueError, match="without calls"):
        learn_profile(np.zeros(10), MONDAY, TICK_S)
