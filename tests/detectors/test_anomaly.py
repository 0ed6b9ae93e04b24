"""Single outputs that are odd: p-values that hold, combined, ranked."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from detectors.anomaly.conformal import LEAST_P, Reference, combined, discoveries
from detectors.anomaly.half_space import oddity

Floats = NDArray[np.float64]
GRID: Floats = np.arange(-8, 8, 0.05)


def _reference(x: Floats) -> Reference:
    counts = np.bincount(np.clip(np.searchsorted(GRID, x), 0, len(GRID) - 1), minlength=len(GRID))
    return Reference(GRID, counts.astype(float))


def test_p_is_the_rank_among_the_reference() -> None:
    reference = Reference(np.array([1.0, 2.0, 3.0]), np.array([5.0, 3.0, 1.0]))
    p = reference.p_high(np.array([0.0, 1.0, 2.0, 2.5, 3.0, 4.0]))
    assert p.tolist() == pytest.approx([1.0, 1.0, 0.5, 0.2, 0.2, 0.1])
    assert reference.p_either(np.array([0.0, 2.0])).tolist() == pytest.approx([0.2, 1.0])


@pytest.mark.parametrize("alpha", [0.1, 0.01])
def test_p_holds_its_level_over_references(alpha: float) -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        x = rng.standard_normal(220)
        hits += int((_reference(x[:200]).p_high(GRID[np.searchsorted(GRID, x[200:])]) <= alpha).sum())
    count = 300 * 20
    assert hits <= alpha * count + 4 * np.sqrt(alpha * count)


def test_beyond_the_reference_the_tail_goes_on() -> None:
    rng = np.random.default_rng(2)
    p = _reference(rng.exponential(1.0, 5_000) - 7).p_high(np.array([12.0, 16.0]) - 7)
    true = np.exp([-12.0, -16.0])
    assert np.all(p < 1 / 5_001)
    assert np.all(np.abs(np.log(p / true)) < np.log(30)), p


def test_few_values_have_no_tail() -> None:
    rng = np.random.default_rng(3)
    assert _reference(rng.standard_normal(500)).p_high(np.array([7.0]))[0] == pytest.approx(1 / 501)


def test_scores_of_one_output_are_combined_whatever_they_have_in_common() -> None:
    rng = np.random.default_rng(4)
    z = rng.standard_normal(200_000)
    same = stats.norm.sf(z)
    apart = stats.norm.sf(rng.standard_normal(200_000))
    for pair in ([same, same], [same, apart]):
        assert 1e-4 < float((combined(pair) <= 1e-3).mean()) < 1.2e-3
    assert combined([np.array([1e-9]), np.array([0.5])])[0] == pytest.approx(4e-9, rel=1e-6)
    assert combined([np.array([LEAST_P]), np.array([np.nan])])[0] == pytest.approx(LEAST_P, rel=1e-6)


def test_scores_that_say_nothing_take_little_from_one_that_does() -> None:
    flags = [np.ones(1)] * 9
    assert combined([np.full(1, 1e-6), *flags])[0] == pytest.approx(10 * np.e * np.log(10) * 1e-6, rel=1e-3)
    assert combined(flags)[0] == 1.0
    assert combined([np.array([np.nan])]).tolist() == [1.0]


def test_a_leak_among_thousands_is_a_discovery_and_noise_is_none() -> None:
    rng = np.random.default_rng(15)
    p = rng.uniform(size=5_000)
    assert (discoveries(p) > 0.05).all()
    p[17] = 1e-9
    assert np.flatnonzero(discoveries(p) <= 0.05).tolist() == [17]
    assert discoveries(np.zeros(0)).tolist() == []


def test_trees_rank_a_combination_nobody_had() -> None:
    """Each score is ordinary by itself; both high at once never happened."""
    rng = np.random.default_rng(6)
    one = rng.uniform(0, 1, 2_000)
    usual = np.stack([one, 1 - one], axis=1)
    odd = np.array([[0.95, 0.95], [0.5, 0.5], [0.1, 0.9]])
    told = oddity(usual, odd)
    assert told[0] > told[1:].max()
    assert oddity(usual, odd).tolist() == told.tolist()


def test_bad_references_are_refused() -> None:
    with pytest.raises(ValueError, match="ascending"):
        Reference(np.array([2.0, 1.0]), np.ones(2))
    with pytest.raises(ValueError, match="positive"):
        Reference(np.arange(2.0), np.zeros(2))
    with pytest.raises(ValueError, match="between 0 and 1"):
        oddity(np.zeros((3, 1)), np.full((1, 1), 2.0))
    with pytest.raises(ValueError, match="outputs, scores"):
        oddity(np.zeros((3, 1)), np.zeros((1, 2)))
