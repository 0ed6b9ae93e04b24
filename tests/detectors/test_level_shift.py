"""Values moved back after a change of level."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit

from detectors.files.level_shift import LevelShift

TICK_S = 300
TICKS = np.arange(3 * 288, dtype=np.int64)


def _learned(kind: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of a kind whose scale is ``x``."""
    out: NDArray[np.float64] = {"real": x, "positive": np.exp(x), "bounded": expit(x)}[kind]
    return out


@pytest.mark.parametrize("kind", ["real", "positive", "bounded"])
@pytest.mark.parametrize("shift", [0.7, -2.0])
def test_a_shift_is_measured_at_the_hour_it_happens_and_taken_off(kind: str, shift: float) -> None:
    rng = np.random.default_rng(1)
    x = np.sin(2 * np.pi * TICKS / 288) + 0.1 * rng.standard_normal(len(TICKS))
    level = LevelShift.learn(kind, _learned(kind, x), TICKS, TICK_S)
    assert level is not None
    evening = slice(200, 230)  # far from the mean of the day
    moved = _learned(kind, x + shift)
    assert level.estimate(moved[evening], TICKS[evening]) == pytest.approx(shift, abs=0.1)
    assert np.allclose(level.undo(moved, shift), _learned(kind, x))


def test_exact_ends_stay_what_they_are() -> None:
    values = np.array([0.0, 0.2, 1.0])
    level = LevelShift.learn("bounded", np.full(10, 0.5), np.arange(10, dtype=np.int64), TICK_S)
    assert level is not None
    back = level.undo(values, 1.0)
    assert list(back[[0, 2]]) == [0.0, 1.0]
    assert logit(back[1]) == pytest.approx(logit(0.2) - 1.0)
    assert level.estimate(np.array([0.0, 1.0]), np.arange(2, dtype=np.int64)) == 0.0


def test_kinds_without_a_scale_and_empty_windows_have_none() -> None:
    assert LevelShift.learn("flag", np.ones(5), np.arange(5, dtype=np.int64), TICK_S) is None
    assert LevelShift.learn("real", np.zeros(0), np.zeros(0, dtype=np.int64), TICK_S) is None
    assert LevelShift.learn("positive", np.zeros(5), np.arange(5, dtype=np.int64), TICK_S) is None
