"""Prices: what makes evidence cost more, and that a block of the worst kind stays within its budget."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from detectors.engine.detectable import delay_ticks
from detectors.engine.dispersion import fit_flags, fit_values
from detectors.engine.price import ODDS, SHIFTS, price, rate_beyond
from tests.detectors.streams import MONDAY, TICK_S, flags, values


def _flag(**how: object):  # type: ignore[no-untyped-def]
    return fit_flags(*flags(np.random.default_rng(1), 0.05, days=14, series=20, **how), MONDAY, TICK_S)  # type: ignore[arg-type]


def test_nothing_is_ever_cheaper_than_independent_events() -> None:
    for baseline in (_flag(), _flag(events=0.5), _flag(ar=(0.9, 0.5))):
        cost = price(baseline, np.array(11.3))
        assert (cost.kappa >= 1).all()
        assert (cost.fade >= 0).all()


def test_evidence_costs_more_at_higher_thresholds_with_more_dispersion_and_unseen_traffic() -> None:
    plain, wandering = _flag(), _flag(day_sd=0.3)
    high, low = np.array(17.6), np.array(9.0)
    assert (delay_ticks(plain, price(plain, high), high) >= delay_ticks(plain, price(plain, low), low)).all()
    middle = list(ODDS).index(1.5)
    dear, cheap = (price(b, np.array(11.3)).kappa[0, middle] for b in (wandering, plain))
    assert dear.min() > 2 * cheap.max()
    assert (np.diff(price(wandering, np.array(11.3)).kappa, axis=0) >= 0).all()


def test_gross_changes_stay_cheap_when_days_wander() -> None:
    """The horizon of a large change is short: dispersion between days does not touch it."""
    kappa = np.median(price(_flag(day_sd=0.1), np.array(11.3)).kappa[0], axis=1)
    assert kappa[list(ODDS).index(10.0)] < 1.3
    assert kappa[list(ODDS).index(1.5)] > 3


def test_gross_changes_are_priced_by_the_hours_they_need() -> None:
    """Three days show the dispersion of hours: days nobody has seen must not make ten times the odds dear."""
    n, s = flags(np.random.default_rng(4), 0.05, days=3, series=20, events=5.0, daily=0.5)
    baseline, h = fit_flags(n, s, MONDAY, TICK_S), np.array(14.4)
    cost, gross = price(baseline, h), list(ODDS).index(10.0)
    assert np.median(delay_ticks(baseline, cost, h)[gross]) < 30
    assert cost.fade.max() > 0


def test_what_a_tick_multiplies_by_is_at_most_one_on_average() -> None:
    """Of independent events at the learned level: what makes the statistic an e-detector."""
    baseline = _flag(events=5.0, day_sd=0.3)
    cost, events, hits = price(baseline, np.array(13.0)), 5, np.arange(6)[:, None]
    chance = stats.binom.pmf(hits, events, baseline.level)
    for j, odds in enumerate(ODDS):
        log_l = hits * np.log(odds) - events * np.log1p((odds - 1) * baseline.level)
        grown = np.exp(log_l / cost.kappa[0, j] - cost.fade[j] * events)
        assert ((chance * grown).sum(0) <= 1 + 1e-9).all()


def test_a_row_is_priced_alone() -> None:
    baseline = _flag(events=2.0)
    together = price(baseline, np.linspace(9, 18, 20))
    for row in (0, 7, 19):
        alone = price(baseline.take([row]), np.linspace(9, 18, 20)[[row]])
        assert np.array_equal(alone.kappa[:, :, 0], together.kappa[:, :, row])
        assert np.array_equal(alone.fade[:, 0], together.fade[:, row])


def test_unknown_dispersion_is_priced_exactly_for_gaussian_blocks() -> None:
    """exp(-X / kappa) averaged over what df reference blocks may say is e^-h, whatever kappa is."""
    rng = np.random.default_rng(2)
    df, h = 13, 6.0
    for truth in (1.0, 4.0, 50.0):
        seen = truth * stats.chi2.rvs(df, size=400_000, random_state=rng) / df
        x = seen * df / 2 * np.expm1(2 * h / df)
        assert np.exp(-x / truth).mean() == pytest.approx(np.exp(-h), rel=0.05)


def test_rare_flags_are_priced_as_clusters_of_one_and_a_half() -> None:
    quiet = _flag(events=0.05)
    assert quiet.rare.all()
    large = list(ODDS).index(100.0)
    assert np.all(price(quiet, np.array(14.4)).kappa[0, large] < 2.0)
    clustered = replace(quiet, block_kappa=np.full_like(quiet.block_kappa, 8.0))
    assert np.all(price(clustered, np.array(14.4)).kappa[0, large] > 4.0)


def test_small_shifts_of_quiet_series_pay_for_months() -> None:
    """One value an hour with a day of memory: a small shift takes months, and so does its noise."""
    rng = np.random.default_rng(3)
    n, s = values(rng, days=14, series=20, events=1.0, ar=(0.99, 1.0))
    kappa = np.median(price(fit_values(n, s, MONDAY, TICK_S), np.array(12.0)).kappa[0], axis=1)
    smallest, largest = list(SHIFTS).index(0.05), list(SHIFTS).index(1.6)
    assert kappa[smallest] > 20
    assert kappa[largest] > 5


def test_thresholds_below_one_make_no_sense() -> None:
    with pytest.raises(ValueError, match="above 1"):
        price(_flag(), np.array(0.5))


@given(st.floats(1e-6, 0.95), st.floats(0.01, 0.99), st.sampled_from([1, -1]))
def test_a_rate_is_found_again_from_its_distance(q: float, part: float, side: int) -> None:
    rate = q + part * (1 - q) if side > 0 else q * (1 - part)
    distance = rate * math.log(rate / q) + (1 - rate) * math.log((1 - rate) / (1 - q))
    found = rate_beyond(np.array([q]), np.array([distance]), side)[0]
    assert found == pytest.approx(rate, rel=1e-6)


def test_no_rate_is_farther_than_all_and_none() -> None:
    q = np.array([0.2, 0.2])
    far = np.array([-np.log(0.2), 100.0])
    assert list(rate_beyond(q, far, 1)) == [1.0, 1.0]
    assert list(rate_beyond(q, far, -1)) == [0.0, 0.0]
