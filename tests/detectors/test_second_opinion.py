from __future__ import annotations

import numpy as np
import pytest

from detectors.change.second_opinion import residuals, second_opinion
from detectors.engine.dispersion import fit_flags, fit_values

FIRST = 5_927_040
LEARN, DAYS = 14 * 288, 17


def rates(seed: int, level: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    n = draw.poisson(6, DAYS * 288).astype(float)
    rate = np.full(len(n), level)
    rate[15 * 288 :] = shift
    return n, draw.binomial(n.astype(int), rate).astype(float)


@pytest.mark.parametrize("level", [0.1, 0.9])
@pytest.mark.parametrize("seed", range(3))
def test_it_sees_a_change_of_rate_after_the_onset_and_none_without(seed: int, level: float) -> None:
    for shift, sees in ((0.5, True), (level, False)):
        n, s = rates(seed, level, shift)
        baseline = fit_flags(n[:LEARN, None], s[:LEARN, None], FIRST, 300)
        onset = FIRST + 15 * 288
        seen = second_opinion(baseline, FIRST, n, s, onset).tick
        assert (seen is not None) == sees
        if seen is not None:
            assert onset <= seen < FIRST + DAYS * 288


def test_a_daily_cycle_is_explained_and_leaves_standard_residuals() -> None:
    draw = np.random.default_rng(4)
    ticks = FIRST + np.arange(28 * 288)
    n = draw.poisson(20, len(ticks)).astype(float)
    wave = np.sin(2 * np.pi * np.arange(len(ticks)) / 288)
    s = n * wave + np.sqrt(n) * draw.standard_normal(len(ticks))
    baseline = fit_values(n[:LEARN, None], s[:LEARN, None], FIRST, 300)
    left = residuals(baseline, ticks, n, s)
    assert abs(left.mean()) < 0.1
    assert 0.8 < left.std() < 1.3
    assert second_opinion(baseline, FIRST, n, s, FIRST + LEARN).tick is None
