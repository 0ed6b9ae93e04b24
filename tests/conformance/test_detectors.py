"""What every online detector of ours must do, whatever it computes. A new one is added to `DETECTORS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.drift import FlagBank, ValueBank, fit_flags, fit_values
from detectors.drift.fast_path import FastBank

Floats = NDArray[np.float64]
TICK_S = 300
LEARN = 3 * 288
ROWS = 5
FIRST = 5_890_000


@dataclass(frozen=True)
class Case:
    """How to make a detector of ``ROWS`` rows, and whether its sums are hits among n."""

    make: Callable[[], Any]
    restore: Callable[[Any], Any]
    counts: bool


def _learned(seed: int = 1) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    n = rng.poisson(4.0, (LEARN, ROWS)).astype(float)
    return n, rng.binomial(n.astype(int), 0.1).astype(float)


def _flag_bank() -> FlagBank:
    bank = FlagBank(TICK_S)
    bank.append(fit_flags(*_learned(), FIRST, TICK_S), 1e-5)
    return bank


def _value_bank() -> ValueBank:
    n, s = _learned()
    bank = ValueBank(TICK_S)
    bank.append(fit_values(n, s * 3.0 - n, FIRST, TICK_S), 1e-5)
    return bank


def _fast_bank() -> FastBank:
    return FastBank(np.full(ROWS, 0.1), np.full(ROWS, 1e-5), FIRST + LEARN - 1)


DETECTORS = {
    "flag": Case(_flag_bank, FlagBank.restore, counts=True),
    "value": Case(_value_bank, ValueBank.restore, counts=False),
    "fast": Case(_fast_bank, FastBank.restore, counts=True),
}
each = pytest.mark.parametrize("name", DETECTORS)


def _ticks(count: int, seed: int = 2) -> list[tuple[int, Floats, Floats]]:
    rng = np.random.default_rng(seed)
    out = []
    for i in range(count):
        n = rng.poisson(4.0, ROWS).astype(float)
        out.append((FIRST + LEARN + i, n, rng.binomial(n.astype(int), 0.3).astype(float)))
    return out


def _bytes(detector: Any) -> dict[str, bytes]:
    return {k: v.tobytes() for k, v in detector.snapshot().items()}


@each
def test_equal_inputs_give_equal_bytes_and_touch_nothing_global(name: str) -> None:
    before = str(np.random.get_state(legacy=False))  # noqa: NPY002
    one, two = DETECTORS[name].make(), DETECTORS[name].make()
    for tick, n, s in _ticks(40):
        kept = n.copy(), s.copy()
        one.update(tick, n, s)
        assert np.array_equal(n, kept[0])
        assert np.array_equal(s, kept[1])
        two.update(tick, n, s)
    assert _bytes(one) == _bytes(two)
    assert str(np.random.get_state(legacy=False)) == before  # noqa: NPY002


@each
def test_a_restart_anywhere_changes_nothing(name: str) -> None:
    ticks = _ticks(60)
    whole = DETECTORS[name].make()
    for tick, n, s in ticks:
        whole.update(tick, n, s)
    for cut in range(0, 60, 7):
        part = DETECTORS[name].make()
        for tick, n, s in ticks[:cut]:
            part.update(tick, n, s)
        part = DETECTORS[name].restore(part.snapshot())
        for tick, n, s in ticks[cut:]:
            part.update(tick, n, s)
        assert _bytes(part) == _bytes(whole)


@each
def test_a_snapshot_is_a_copy(name: str) -> None:
    detector = DETECTORS[name].make()
    kept = detector.snapshot()
    before = {k: v.tobytes() for k, v in kept.items()}
    for tick, n, s in _ticks(10):
        detector.update(tick, n, s)
    assert {k: v.tobytes() for k, v in kept.items()} == before


@each
@pytest.mark.parametrize("n_value", [0.0, 1.0, 1e6])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_extreme_ticks_leave_finite_numbers(name: str, n_value: float, share: float) -> None:
    detector = DETECTORS[name].make()
    for tick, _, _ in _ticks(300):
        detector.update(tick, np.full(ROWS, n_value), np.full(ROWS, n_value * share))
    assert np.isfinite(detector.evidence()).all()
    assert all(np.isfinite(v).all() for v in detector.snapshot().values() if v.dtype.kind == "f")


@each
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_a_number_is_refused_and_leaves_the_state_alone(name: str, bad: float) -> None:
    detector = DETECTORS[name].make()
    before = _bytes(detector)
    with pytest.raises(ValueError, match=r"finite|between"):
        detector.update(FIRST + LEARN, np.full(ROWS, bad), np.zeros(ROWS))
    with pytest.raises(ValueError, match=r"finite|between"):
        detector.update(FIRST + LEARN, np.ones(ROWS), np.full(ROWS, bad))
    assert _bytes(detector) == before


@each
def test_time_never_goes_back(name: str) -> None:
    detector = DETECTORS[name].make()
    detector.update(FIRST + LEARN + 5, np.ones(ROWS), np.zeros(ROWS))
    with pytest.raises(ValueError, match=r"tick \d+ is"):
        detector.update(FIRST + LEARN + 4, np.ones(ROWS), np.zeros(ROWS))


@each
def test_a_gross_rise_is_found_and_forgotten_on_reset(name: str) -> None:
    detector = DETECTORS[name].make()
    for tick, n, _ in _ticks(80):
        detector.update(tick, n, n)
    assert (detector.evidence() >= detector.threshold).all()
    detector.reset(np.arange(ROWS))
    assert (detector.evidence() < 0).all()


@each
def test_silence_accrues_no_more_than_the_budget(name: str) -> None:
    detector = DETECTORS[name].make()
    last = FIRST + LEARN + 999
    detector.update(last, np.zeros(ROWS), np.zeros(ROWS))
    assert np.allclose(np.exp(detector.evidence() - detector.threshold), 1_000 * 1e-5, rtol=1e-9)
