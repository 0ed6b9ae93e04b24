"""Budget and speed on traffic as it is: a fast part of ``bench/detection``.

The threshold is the theoretical one; nothing is calibrated. ``BUDGET`` is the share of unchanged series that
may page within a watched fortnight, and the binomial limit allows for the number of series simulated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.at_length import at_length
from tests.detectors.streams import DAY, first_crossing, flags, values

BUDGET = 0.05
H = float(np.log(14 * DAY / BUDGET))
SERIES = 120

QUIET: dict[str, dict[str, Any]] = {
    "independent": {"rate": 0.05},
    "autocorrelated": {"rate": 0.05, "ar": (0.9, 0.25)},
    "daily cycle": {"rate": 0.05, "daily": 0.5},
    "days that differ": {"rate": 0.05, "daily": 0.5, "day_sd": 0.1},
    "rare": {"rate": 0.002, "events": 5.0, "daily": 0.5, "day_sd": 0.3},
    "few events, days that differ": {"rate": 0.06, "events": 0.5, "daily": 0.5, "day_sd": 0.3},
    "retries, eight at a time": {"rate": 0.03, "events": 1.0, "cluster": 8},
    "ten times the traffic from one day on": {"rate": 0.05, "ar": (0.9, 0.25), "step": 10.0},
    "a tenth of the traffic from one day on": {"rate": 0.05, "daily": 0.5, "step": 0.1},
    "almost always": {"rate": 0.97, "events": 5.0, "daily": 0.3},
}


def _within(crossed: int, series: int, budget: float = BUDGET) -> bool:
    return crossed <= int(stats.binom.ppf(0.999, series, budget))


@pytest.mark.parametrize("name", at_length(QUIET, 5))
def test_unchanged_rates_stay_within_the_budget(name: str) -> None:
    n, s = flags(np.random.default_rng(101), series=SERIES, **QUIET[name])
    assert _within(int((first_crossing("flag", n, s, H) >= 0).sum()), SERIES)


@pytest.mark.parametrize("ar", [None, (0.9, 0.0625)])
def test_unchanged_means_stay_within_the_budget(ar: tuple[float, float] | None) -> None:
    n, s = values(np.random.default_rng(102), series=SERIES, ar=ar)
    assert _within(int((first_crossing("value", n, s, H) >= 0).sum()), SERIES)


@pytest.mark.parametrize("days", [1, 3, 7])
def test_short_learning_stays_within_the_budget_through_a_daily_cycle(days: int) -> None:
    rng = np.random.default_rng(103)
    n, s = flags(rng, 0.05, days=days + 14, series=SERIES, events=5.0, daily=0.5, day_sd=0.1)
    crossed = int((first_crossing("flag", n, s, H, learn_days=days) >= 0).sum())
    assert _within(crossed, SERIES)


def test_quiet_series_with_long_memory_stay_within_the_budget() -> None:
    """One value a tick whose memory is hours: the case in which small shifts take months."""
    n, s = values(np.random.default_rng(104), days=21, series=SERIES, events=1.0, ar=(0.98, 1.0))
    assert _within(int((first_crossing("value", n, s, H, learn_days=7) >= 0).sum()), SERIES)


FOUND: dict[str, tuple[dict[str, Any], float, float]] = {
    "odds times one and a half": ({"rate": 0.05, "after": 0.0732}, 11.3, 140.0),
    "odds doubled": ({"rate": 0.05, "after": 0.0952}, 11.3, 38.0),
    "odds doubled through a daily cycle": ({"rate": 0.05, "after": 0.0952, "daily": 0.5}, 11.3, 38.0),
    "a leak from nothing": ({"rate": 0.0, "after": 0.01, "events": 20.0}, 14.4, 60.0),
    "refusals in a quiet service": ({"rate": 0.01, "after": 0.60, "events": 0.25}, 17.6, 75.0),
    "the cliff": ({"rate": 0.03, "after": 0.60, "events": 1.0}, 17.6, 40.0),
    "another model": ({"rate": 0.17, "after": 0.78, "events": 1.0}, 17.6, 45.0),
}


@pytest.mark.parametrize("name", FOUND)
def test_changes_are_found_in_time(name: str) -> None:
    how, h, median = FOUND[name]
    n, s = flags(np.random.default_rng(105), days=21, series=60, **how)
    first = first_crossing("flag", n, s, h)
    delay = np.where(first < 0, 7 * DAY, first)
    assert np.median(delay) <= median


def test_a_shift_of_a_quarter_of_an_events_spread_is_found_in_two_hours() -> None:
    n, s = values(np.random.default_rng(106), days=15, series=60, shift=0.25)
    first = first_crossing("value", n, s, 11.3)
    assert np.median(np.where(first < 0, DAY, first)) <= 26


@pytest.mark.parametrize(("rate", "events", "after"), [(0.17, 1.0, 0.78), (0.05, 5.0, 0.21)])
def test_three_days_of_learning_are_enough_for_gross_changes(
    rate: float, events: float, after: float
) -> None:
    rng = np.random.default_rng(107)
    n, s = flags(rng, rate, after=after, days=4, change_day=3.0, series=60, events=events, daily=0.5)
    first = first_crossing("flag", n, s, 14.4, learn_days=3)
    assert np.median(np.where(first < 0, DAY, first)) <= 42
