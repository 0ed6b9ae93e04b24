"""What a channel would notice: the promise on the fleet page against what simulated changes take."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.engine.baseline import Baseline
from detectors.engine.detectable import LEAST_TICKS, delay_ticks, smallest_changes
from detectors.engine.dispersion import fit_flags, fit_values
from detectors.engine.price import ODDS, price
from detectors.engine.shiryaev_roberts import FlagBank, ValueBank
from detectors.engine.volume import aggregate_volume, possible_events
from tests.detectors.streams import DAY, MONDAY, TICK_S, first_crossing, flags, values

H = np.array(13.0)


@pytest.mark.parametrize("odds", [1.5, 2.0, 5.0])
def test_the_delay_law_is_right_within_a_factor_of_two(odds: float) -> None:
    rng = np.random.default_rng(1)
    after = odds * 0.05 / (1 + (odds - 1) * 0.05)
    n, s = flags(rng, 0.05, days=24, series=60, after=after)
    baseline = fit_flags(n[: 14 * DAY], s[: 14 * DAY], MONDAY, TICK_S)
    law = np.median(delay_ticks(baseline, price(baseline, H), H)[list(ODDS).index(odds)])
    first = first_crossing("flag", n, s, float(H))
    seen = np.median(np.where(first < 0, 10 * DAY, first))
    assert 0.5 < law / seen < 2.0


def test_more_time_notices_less_and_never_faster_than_four_ticks() -> None:
    n, s = flags(np.random.default_rng(2), 0.05, days=14, series=10)
    baseline = fit_flags(n, s, MONDAY, TICK_S)
    cost = price(baseline, H)
    assert delay_ticks(baseline, cost, H).min() >= LEAST_TICKS
    hour, day, week = smallest_changes(baseline, cost, H)
    assert (day.rise <= hour.rise).all()
    assert (week.rise <= day.rise).all()
    assert (week.fall >= day.fall)[~np.isnan(day.fall)].all()
    assert (day.rise > baseline.level).all()
    assert (week.fall < baseline.level).all()


def test_rates_near_one_are_told_as_rates_not_as_misses() -> None:
    n, s = flags(np.random.default_rng(3), 0.95, days=14, series=5)
    bank = FlagBank(TICK_S)
    baseline = fit_flags(n, s, MONDAY, TICK_S)
    bank.append(baseline, 1e-6)
    _, day, week = smallest_changes(baseline, bank.cost(range(5)), bank.threshold)
    assert ((day.fall > 0.5) & (day.fall < 0.95)).all()
    assert (week.rise > 0.95).all()


def test_means_are_told_in_their_own_unit_and_the_impossible_as_nan() -> None:
    n, s = values(np.random.default_rng(4), days=14, series=5, events=0.2)
    baseline = fit_values(n, 50.0 * n + 10.0 * s, MONDAY, TICK_S)
    bank = ValueBank(TICK_S)
    bank.append(baseline, 1e-7)
    hour, _, week = smallest_changes(baseline, bank.cost(range(5)), bank.threshold)
    assert np.isnan(hour.rise).all()
    assert ((week.rise > 50) & (week.rise < 67)).all()


def test_traffic_counts_as_hits_among_what_is_possible() -> None:
    counts = np.array([0.0, 3.0, 5.0, 1e9])
    possible = possible_events(np.array([2.0, 4.0]))
    n, s = aggregate_volume(counts, possible)
    assert (n == possible).all()
    assert list(s[:3]) == [0.0, 3.0, 5.0]
    assert s[3] == possible
    assert possible > 1_000
    assert possible_events(np.zeros(5)) >= 1
    assert possible_events(np.zeros(0)) >= 1


@pytest.mark.parametrize("form", ["flag", "value"])
def test_what_is_promised_within_a_day_is_noticed_within_about_one(form: str) -> None:
    h = float(H)
    rng = np.random.default_rng(7)
    baseline, bank = _learned(form, rng, h)
    _, day, _ = smallest_changes(baseline, bank.cost(range(len(bank))), bank.threshold)
    if form == "flag":
        after = float(np.median(day.rise))
        n, s = flags(rng, 0.05, days=17, series=40, after=after)
    else:
        n, s = values(rng, days=17, series=40, shift=float(np.median(day.rise - baseline.level)))
    first = first_crossing(form, n, s, h)
    assert np.median(np.where(first < 0, 3 * DAY, first)) < 1.5 * DAY


def _learned(form: str, rng: np.random.Generator, h: float) -> tuple[Baseline, FlagBank | ValueBank]:
    bank: FlagBank | ValueBank
    if form == "flag":
        bank, baseline = FlagBank(TICK_S), fit_flags(*flags(rng, 0.05, days=14, series=40), MONDAY, TICK_S)
    else:
        bank, baseline = ValueBank(TICK_S), fit_values(*values(rng, days=14, series=40), MONDAY, TICK_S)
    bank.append(baseline, float(np.exp(-h)))
    return baseline, bank
