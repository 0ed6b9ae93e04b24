"""Siblings: what their dispersions add to one's own, and what they may not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from detectors.engine.baseline import DAY_INDEX, Baseline
from detectors.engine.detectable import delay_ticks
from detectors.engine.dispersion import fit_flags
from detectors.engine.pooling import moderated
from detectors.engine.price import ODDS, price
from tests.detectors.streams import MONDAY, TICK_S, flags

FLEET_H = np.array(17.6)


def _fit(series: int = 40, seed: int = 1, rate: float = 0.05, **how: object) -> Baseline:
    drawn = flags(np.random.default_rng(seed), rate, days=14, series=series, **how)  # type: ignore[arg-type]
    return fit_flags(*drawn, MONDAY, TICK_S)


def _invented(kappa: np.ndarray, df: float) -> Baseline:
    """Baselines that measured these dispersions, from ``df`` blocks, at every horizon."""
    like = _fit(1).take(np.zeros(len(kappa), dtype=int))
    every = np.repeat(kappa[:, None], like.block_kappa.shape[1], axis=1)
    return replace(like, block_kappa=every.astype(np.float32), block_df=np.full_like(like.block_df, df))


def _same(a: Baseline, b: Baseline) -> bool:
    return a.version == b.version


def test_like_series_find_small_changes_sooner_than_each_alone() -> None:
    alone = _fit()
    together = moderated(alone, range(len(alone)))
    slow = list(ODDS).index(1.5)
    by_itself, by_all = (
        np.median(delay_ticks(b, price(b, FLEET_H), FLEET_H)[slow]) for b in (alone, together)
    )
    assert by_all < 0.6 * by_itself


def test_a_series_without_enough_siblings_stays_as_it_is() -> None:
    few = _fit(3)
    assert _same(moderated(few, range(3)), few)


def test_slices_of_one_score_are_one_sibling() -> None:
    many = _fit(20)
    assert _same(moderated(many, ["refused"] * 20), many)
    assert _same(moderated(many, [i % 3 for i in range(20)]), many)
    own = [f"score {i}" for i in range(10)]
    apart, twice = moderated(many.take(range(10)), own), moderated(many, own + own)
    day = apart.block_df[:, DAY_INDEX]
    assert (twice.block_df[:10, DAY_INDEX] < 1.5 * day).all()


def test_series_that_disagree_pay_for_themselves() -> None:
    """Half of them wander: neither half may take the other's dispersion for its own."""
    calm, wild = _fit(20), _fit(20, seed=2, day_sd=0.6, events=20.0)
    wild = replace(wild, info=calm.info)
    both = moderated(Baseline.concat([calm, wild]), range(40))
    kept = both.block_kappa[20:, DAY_INDEX] / wild.block_kappa[:, DAY_INDEX]
    assert np.median(kept) > 0.75


def test_who_sees_more_traffic_does_not_learn_from_who_sees_little() -> None:
    """A level that wanders shows in proportion to traffic."""
    some = _fit(21)
    busy = replace(some, info=np.where(np.arange(21) == 0, 10.0, 1.0) * some.info)
    got = moderated(busy, range(21))
    assert _same(got.take([0]), busy.take([0]))
    assert (got.block_df[1:, DAY_INDEX] > 2 * busy.block_df[1:, DAY_INDEX]).all()


def test_order_does_not_matter() -> None:
    some = _fit(12)
    order = np.random.default_rng(3).permutation(12)
    mixed = moderated(some.take(order), [int(i) for i in order])
    straight = moderated(some, range(12)).take(order)
    assert np.allclose(mixed.block_kappa, straight.block_kappa, rtol=1e-5)
    assert np.allclose(mixed.block_df, straight.block_df, rtol=1e-3)


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0])
def test_a_new_block_goes_beyond_the_predictive_as_often_as_it_may(spread: float) -> None:
    """Over siblings whose dispersions differ by ``spread``, of which each showed 13 blocks."""
    rng, series, df = np.random.default_rng([7, round(10 * spread)]), 20_000, 13
    true = 2.0 * np.exp(rng.normal(0, spread, series))
    measured = true * rng.chisquare(df, series) / df
    got = moderated(_invented(measured, df), range(series))
    kappa, known = got.block_kappa[:, DAY_INDEX], got.block_df[:, DAY_INDEX]
    block = rng.normal(0, np.sqrt(true))
    beyond = 2 * stats.t.sf(np.abs(block) / np.sqrt(kappa), known)
    assert np.median(known) > 1.3 * df
    for share in (0.05, 0.01, 0.001):
        at_most = stats.binom.ppf(0.999, series, share) / series
        assert np.mean(beyond < share) <= 1.15 * at_most


def test_rare_flags_are_measured_by_rare_flags() -> None:
    rare = _fit(30, rate=0.004, events=1.0)
    assert rare.rare.all()
    enough = rare.total_s >= 30
    assert _same(moderated(rare.take([0, 1, 2]), range(3)), rare.take([0, 1, 2]))
    assert (moderated(rare, range(30)).rare == ~enough).all() or not enough.any()
    plenty = _fit(30)
    mixed = moderated(Baseline.concat([plenty, rare.take([0])]), range(31))
    assert _same(mixed.take([30]), rare.take([0]))


def test_there_is_one_group_a_row() -> None:
    with pytest.raises(ValueError, match="3 groups for 2 rows"):
        moderated(_fit(2), range(3))
