"""The fit: what is learned, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.engine.baseline import DAY_INDEX, Baseline
from detectors.engine.dispersion import fit_flags, fit_values
from tests.detectors.streams import DAY, MONDAY, TICK_S, flags, values

Floats = NDArray[np.float64]


def test_dispersion_of_independent_events_is_one_at_every_horizon() -> None:
    n, s = flags(np.random.default_rng(1), 0.05, days=14, series=200)
    baseline = fit_flags(n, s, MONDAY, TICK_S)
    assert np.allclose(np.median(baseline.block_kappa[:, : DAY_INDEX + 1], axis=0), 1.0, atol=0.12)
    assert np.allclose(baseline.block_df[:, DAY_INDEX], 13, atol=13)
    assert not baseline.block_df[:, DAY_INDEX + 1 :].any()  # fewer than ten blocks of two days


def test_shared_effects_show_at_the_horizons_where_they_act() -> None:
    rng = np.random.default_rng(2)
    day = fit_flags(*flags(rng, 0.05, days=14, series=100, day_sd=0.3), MONDAY, TICK_S)
    hour = fit_flags(*flags(rng, 0.05, days=14, series=100, ar=(0.9, 0.5)), MONDAY, TICK_S)
    day_kappa, hour_kappa = (np.median(b.block_kappa, axis=0) for b in (day, hour))
    assert day_kappa[DAY_INDEX] > 5 * day_kappa[1]  # an hour's sum knows little of the day
    assert hour_kappa[DAY_INDEX] < 1.6 * hour_kappa[3]  # no more than that after four hours
    assert np.median(hour.long_run) > 3


def test_a_single_user_who_repeats_himself_hardly_moves_the_level() -> None:
    rng = np.random.default_rng(3)
    n, s = flags(rng, 0.05, days=14, series=50)
    clean = fit_flags(n, s, MONDAY, TICK_S)
    at = rng.integers(0, len(n), 14)
    n[at] += 200
    s[at] += 200
    stormy = fit_flags(n, s, MONDAY, TICK_S)
    assert (s.sum(0) / n.sum(0)).mean() > 0.07
    assert np.abs(stormy.level - clean.level).max() < 0.005


def test_events_that_almost_never_happen_keep_their_rate() -> None:
    rng = np.random.default_rng(4)
    for rate, events in ((0.01, 1.0), (0.002, 5.0), (0.002, 0.5)):
        n, s = flags(rng, rate, days=14, series=200, events=events)
        level = fit_flags(n, s, MONDAY, TICK_S).level
        assert level.mean() == pytest.approx(rate, rel=0.25)  # half an event is added


@pytest.mark.parametrize("hits", [0.0, 1.0])
def test_a_flag_that_never_or_always_hits_has_a_small_rate_of_the_other(hits: float) -> None:
    n = np.full((2 * DAY, 1), 3.0)
    baseline = fit_flags(n, n * hits, MONDAY, TICK_S)
    assert baseline.fit[0]
    assert baseline.rare[0]
    assert bool(baseline.mirrored[0]) == (hits == 1.0)
    assert 0 < baseline.level[0] < 1e-3


def test_a_constant_value_can_be_watched() -> None:
    n = np.full((2 * DAY, 1), 3.0)
    baseline = fit_values(n, n * 7.0, MONDAY, TICK_S)
    assert baseline.level[0] == pytest.approx(7.0)
    assert 0 < baseline.event_var[0] < 1e-9


def test_less_than_a_day_and_no_events_are_not_fit() -> None:
    n, s = flags(np.random.default_rng(5), 0.05, days=2, series=2)
    assert not fit_flags(n[: DAY - 1], s[: DAY - 1], MONDAY, TICK_S).fit.any()
    assert fit_flags(n[:DAY], s[:DAY], MONDAY, TICK_S).fit.all()
    n[:, 1] = s[:, 1] = 0.0
    assert list(fit_flags(n, s, MONDAY, TICK_S).fit) == [True, False]


def test_counts_of_a_tick_that_scatter_are_not_more_traffic() -> None:
    n, s = flags(np.random.default_rng(6), 0.05, days=14, series=50, events=0.5)
    baseline = fit_flags(n, s, MONDAY, TICK_S)
    assert np.mean(n > baseline.burst_n) < 1e-3
    assert (baseline.usual_n > 0.5).all()


@pytest.mark.parametrize(
    ("n", "s", "message"),
    [
        (np.ones((5, 1)), np.full((5, 1), np.nan), "finite"),
        (np.full((5, 1), np.inf), np.ones((5, 1)), "finite"),
        (np.ones((5, 1)), np.full((5, 1), 2.0), "between 0 and"),
        (np.ones((5, 1)), np.full((5, 1), -1.0), "between 0 and"),
        (-np.ones((5, 1)), np.zeros((5, 1)), "negative"),
        (np.zeros((5, 1)), np.ones((5, 1)), "no sum"),
        (np.ones((5, 2)), np.ones((5, 1)), "one shape"),
        (np.ones(5), np.ones(5), "one shape"),
    ],
)
def test_bad_counts_are_named(n: Floats, s: Floats, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_flags(n, s, MONDAY, TICK_S)


def test_rows_join_part_and_survive_being_written_down() -> None:
    rng = np.random.default_rng(7)
    n, s = flags(rng, 0.05, days=3, series=5)
    whole = fit_flags(n, s, MONDAY, TICK_S)
    parts = Baseline.concat([whole.take([0, 1]), whole.take([2, 3, 4])])
    assert parts.version == whole.version == Baseline.from_arrays(whole.to_arrays()).version
    assert whole.take([0]).version != whole.take([1]).version
    with pytest.raises(ValueError, match="share form"):
        Baseline.concat([whole, fit_values(*values(rng, days=3, series=1), MONDAY, TICK_S)])
    with pytest.raises(ValueError, match="schema 9"):
        Baseline.from_arrays(whole.to_arrays() | {"schema": np.array(9)})
