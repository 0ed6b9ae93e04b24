"""Onset and effect: intervals that hold what they say, on changes found by the engine itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from detectors.change.effect import explain, quantile_effect, wilson
from detectors.change.onset import scan_flag, scan_value
from detectors.engine.dispersion import fit_flags, fit_values
from tests.detectors.streams import DAY, MONDAY, TICK_S, first_crossing, flags, values

LEARN = 14 * DAY


def test_wilson_is_the_published_interval() -> None:
    low, high = wilson(np.array([100.0, 40.0]), np.array([5.0, 40.0]))
    for i, (s, n) in enumerate(((5, 100), (40, 40))):
        known = stats.binomtest(s, n).proportion_ci(method="wilson")
        assert low[i] == pytest.approx(known.low, abs=1e-4)
        assert high[i] == pytest.approx(known.high, abs=1e-4)


def test_a_clear_change_is_dated_to_its_tick() -> None:
    n = np.full(400, 20.0)
    s = np.where(np.arange(400) >= 250, 12.0, 1.0)
    scan = scan_flag(n, s, np.zeros(400))
    assert (scan.best, scan.low, scan.high) == (250, 250, 250)
    mean = scan_value(n, s * 3.0, np.zeros(400), event_var=3.0)
    assert (mean.best, mean.low, mean.high) == (250, 250, 250)


def test_more_dispersion_means_more_candidate_onsets() -> None:
    rng = np.random.default_rng(1)
    n = np.full(600, 5.0)
    s = rng.binomial(5, np.where(np.arange(600) >= 400, 0.3, 0.1)).astype(float)
    once, often = (scan_flag(n, s, np.zeros(600), kappa=k) for k in (1.0, 4.0))
    assert set(once.candidates) < set(often.candidates)


def test_an_onset_among_empty_ticks_is_the_next_tick_with_events() -> None:
    n = np.zeros(100)
    n[::10] = 20.0
    s = np.where(np.arange(100) >= 50, n, 0.0)
    scan = scan_flag(n, s, np.zeros(100))
    assert scan.best == 50
    assert scan.low == 41  # any of the empty ticks before it might have been the first
    with pytest.raises(ValueError, match="two ticks"):
        scan_flag(np.zeros(5), np.zeros(5), np.zeros(5))


@pytest.mark.parametrize(
    ("before", "after", "how"),
    [
        (0.02, 0.10, {}),
        (0.20, 0.30, {}),
        (0.05, 0.20, {"events": 5.0, "daily": 0.5}),
        (0.17, 0.78, {"events": 1.0}),
        (0.05, 0.12, {"ar": (0.9, 0.25)}),
        (0.95, 0.80, {"events": 5.0}),
    ],
)
def test_intervals_of_rates_hold_the_truth(before: float, after: float, how: dict[str, float]) -> None:
    n, s = flags(
        np.random.default_rng(7),
        before,
        after=after,
        change_day=17.0,
        days=21,
        series=60,
        **how,  # type: ignore[arg-type]
    )
    first = first_crossing("flag", n, s, 11.3)
    baseline = fit_flags(n[:LEARN], s[:LEARN], MONDAY, TICK_S)
    found = np.flatnonzero(first >= 3 * DAY)
    onset, effect, current = [], [], []
    for row in found:
        end = LEARN + first[row] + 1
        told = explain(baseline.take([int(row)]), MONDAY, n[:end, row], s[:end, row])
        onset.append(told.onset_low <= MONDAY + 17 * DAY <= told.onset_high)
        effect.append(told.effect_low <= after - before <= told.effect_high)
        current.append(told.current_low <= told.current_value <= told.current_high)
        assert told.direction == (1 if after > before else -1)
        assert told.effect == pytest.approx(told.current_value - told.baseline_value)
        assert told.odds_ratio is not None
        assert (told.odds_ratio > 1) == (after > before)
    assert len(found) >= 55
    assert np.mean(onset) > 0.9
    assert np.mean(effect) > 0.9
    assert all(current)


def test_intervals_of_means_hold_the_truth_and_are_in_the_channels_unit() -> None:
    n, s = values(np.random.default_rng(8), shift=0.4, change_day=17.0, days=21, series=60)
    s = 100.0 * n + 7.0 * s  # mean 100, one event varies by 7
    first = first_crossing("value", n, s, 11.3)
    baseline = fit_values(n[:LEARN], s[:LEARN], MONDAY, TICK_S)
    held = []
    for row in np.flatnonzero(first >= 3 * DAY):
        end = LEARN + first[row] + 1
        told = explain(baseline.take([int(row)]), MONDAY, n[:end, row], s[:end, row])
        held.append(told.effect_low <= 2.8 <= told.effect_high)
        assert told.baseline_value == pytest.approx(100.0, abs=0.5)
        assert told.odds_ratio is None
    assert len(held) >= 55
    assert np.mean(held) > 0.9


def test_the_season_is_no_part_of_the_effect() -> None:
    """A change that lasts a quarter of a day: the morning is compared with mornings."""
    rng = np.random.default_rng(9)
    n, s = flags(rng, 0.1, days=15, series=30, daily=0.8, events=60.0)
    end = LEARN + DAY // 4
    baseline = fit_flags(n[:LEARN], s[:LEARN], MONDAY, TICK_S)
    rise = rng.binomial((n[LEARN:end] - s[LEARN:end]).astype(int), 0.05)
    s[LEARN:end] += rise
    effects = [
        explain(baseline.take([r]), MONDAY, n[:end, r], s[:end, r], earliest=MONDAY + LEARN - 20).effect
        for r in range(30)
    ]
    assert np.mean(effects) == pytest.approx(0.05 * 0.86, abs=0.01)


def test_one_channel_at_a_time() -> None:
    n, s = flags(np.random.default_rng(10), 0.1, days=2, series=2)
    with pytest.raises(ValueError, match="one channel"):
        explain(fit_flags(n, s, MONDAY, TICK_S), MONDAY, n[:, 0], s[:, 0])


def test_quantiles_move_in_the_scores_own_unit() -> None:
    rng = np.random.default_rng(11)
    values_ = np.arange(0.0, 50.0)
    held = []
    for _ in range(60):
        before, after = (
            np.bincount(rng.poisson(m, k), minlength=50).astype(float) for m, k in ((20, 4000), (26, 80))
        )
        effect, low, high, old, new = quantile_effect(values_, before, [after])
        assert effect == new - old
        held.append(low <= 6 <= high)
    assert np.mean(held) > 0.9
    with pytest.raises(ValueError, match="before and after"):
        quantile_effect(values_, np.zeros(50), [np.ones(50)])
    with pytest.raises(ValueError, match="quantile lies"):
        quantile_effect(values_, np.ones(50), [np.ones(50)], q=1.0)


def test_an_unknown_onset_widens_a_quantiles_interval() -> None:
    values_ = np.arange(10.0)
    before = np.full(10, 50.0)
    late, early = np.eye(10)[8] * 40, np.eye(10)[8] * 40 + np.full(10, 8.0)
    _, low, high, *_ = quantile_effect(values_, before, [late])
    _, wide_low, wide_high, *_ = quantile_effect(values_, before, [late, early])
    assert wide_low < low
    assert wide_high >= high
