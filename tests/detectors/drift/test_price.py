"""Prices: what makes evidence cost more, and that a block of the worst kind stays within its budget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from detectors.drift import fit_flags, fit_values
from detectors.drift.price import ODDS, SHIFTS, price
from tests.detectors.drift.streams import MONDAY, TICK_S, flags, values


def _flag(**how: object):  # type: ignore[no-untyped-def]
    return fit_flags(*flags(np.random.default_rng(1), 0.05, days=14, series=20, **how), MONDAY, TICK_S)  # type: ignore[arg-type]


def test_nothing_is_ever_cheaper_than_independent_events() -> None:
    for baseline in (_flag(), _flag(events=0.5), _flag(ar=(0.9, 0.5))):
        assert (price(baseline, np.array(11.3)) >= 1).all()


def test_evidence_costs_more_at_higher_thresholds_with_more_dispersion_and_unseen_traffic() -> None:
    plain, wandering = _flag(), _flag(day_sd=0.3)
    assert (price(plain, np.array(17.6))[:, :, 0].max(0) >= price(plain, np.array(9.0))[:, :, 0].max(0)).all()
    middle = list(ODDS).index(1.5)
    dear, cheap = (price(b, np.array(11.3))[middle, :, 0] for b in (wandering, plain))
    assert dear.min() > 2 * cheap.max()
    kappa = price(wandering, np.array(11.3))
    assert (np.diff(kappa, axis=2) >= 0).all()


def test_gross_changes_stay_cheap_when_days_wander() -> None:
    """The horizon of a large change is short: dispersion between days does not touch it."""
    kappa = np.median(price(_flag(day_sd=0.1), np.array(11.3))[:, :, 0], axis=1)
    assert kappa[list(ODDS).index(10.0)] < 1.3
    assert kappa[list(ODDS).index(1.5)] > 3


def test_a_row_is_priced_alone() -> None:
    baseline = _flag(events=2.0)
    together = price(baseline, np.linspace(9, 18, 20))
    for row in (0, 7, 19):
        alone = price(baseline.take([row]), np.linspace(9, 18, 20)[[row]])
        assert np.array_equal(alone[:, 0], together[:, row])


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
    assert np.all(price(quiet, np.array(14.4))[large, :, 0] < 2.0)
    clustered = replace(quiet, block_kappa=np.full_like(quiet.block_kappa, 8.0))
    assert np.all(price(clustered, np.array(14.4))[large, :, 0] > 4.0)


def test_small_shifts_of_quiet_series_pay_for_months() -> None:
    """One value an hour with a day of memory: a small shift takes months, and so does its noise."""
    rng = np.random.default_rng(3)
    n, s = values(rng, days=14, series=20, events=1.0, ar=(0.99, 1.0))
    kappa = np.median(price(fit_values(n, s, MONDAY, TICK_S), np.array(12.0))[:, :, 0], axis=1)
    smallest, largest = list(SHIFTS).index(0.05), list(SHIFTS).index(1.6)
    assert kappa[smallest] > 20
    assert kappa[largest] > 5


def test_thresholds_below_one_make_no_sense() -> None:
    with pytest.raises(ValueError, match="above 1"):
        price(_flag(), np.array(0.5))
