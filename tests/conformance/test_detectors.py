"""What every online detector must do, whatever it computes. A new one is added to `DETECTORS`.

The rows of a case are alike: each is fed the same kind of traffic, and what one row does depends on no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.engine.dispersion import fit_flags, fit_values
from detectors.engine.protocol import Detector
from detectors.engine.river_detectors import HITS, NUMBERS, RiverRows
from detectors.engine.shiryaev_roberts import FlagBank, ValueBank
from detectors.engine.window_tests import STATISTICS, WindowTest
from detectors.fast.fast_path import FastBank

Floats = NDArray[np.float64]
TICK_S = 300
LEARN = 3 * 288
ROWS = 5
CELLS = 4
FIRST = 5_890_000
LIMITS = {"ks": 1e-3, "chi2": 1e-3, "wasserstein": 0.3, "jensen_shannon": 0.2, "psi": 0.2}


@dataclass(frozen=True)
class Case:
    """How to make a detector of ``ROWS`` rows.

    ``cells``: it is fed events per cell instead of hits. ``budgeted``: its evidence accrues a share of 1e-5 a
    tick.
    """

    make: Callable[[], Detector]
    cells: bool = False
    budgeted: bool = False


def _learned(seed: int = 1) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    n = rng.poisson(4.0, (LEARN, ROWS)).astype(float)
    return n, rng.binomial(n.astype(int), 0.1).astype(float)


def _flag_bank() -> Detector:
    bank = FlagBank(TICK_S)
    bank.append(fit_flags(*_learned(), FIRST, TICK_S), 1e-5)
    return bank


def _value_bank() -> Detector:
    n, s = _learned()
    bank = ValueBank(TICK_S)
    bank.append(fit_values(n, s * 3.0 - n, FIRST, TICK_S), 1e-5)
    return bank


def _fast_bank() -> Detector:
    return FastBank(np.full(ROWS, 0.1), np.full(ROWS, 1e-5), FIRST + LEARN - 1)


def _river(name: str) -> Callable[[], Detector]:
    settings = {"threshold": 5.0} if name == "PageHinkley" else {}
    return lambda: RiverRows(name, ROWS, FIRST + LEARN - 1, **settings)


def _windows(statistic: str) -> Callable[[], Detector]:
    reference = np.tile([900.0, 100.0, 5.0, 0.0], (ROWS, 1))
    return lambda: WindowTest(statistic, reference, 100, LIMITS[statistic], FIRST + LEARN - 1)


DETECTORS = {
    "flag": Case(_flag_bank, budgeted=True),
    "value": Case(_value_bank, budgeted=True),
    "fast": Case(_fast_bank, budgeted=True),
    **{name: Case(_river(name)) for name in (*NUMBERS, *HITS)},
    **{name: Case(_windows(name), cells=True) for name in STATISTICS},
}
OURS = ("flag", "value", "fast")
"""What watches in production; the others it is compared with are slow."""
each = pytest.mark.parametrize("name", DETECTORS)
Tick = tuple[int, Floats, Floats]


def _sums(name: str, n: Floats, share: float | Floats, rng: np.random.Generator | None = None) -> Floats:
    """Hits among ``n`` events, or their spread over two cells; without ``rng`` exactly the share."""
    hits = n * share if rng is None else rng.binomial(n.astype(int), share).astype(float)
    if not DETECTORS[name].cells:
        return np.asarray(hits, dtype=float)
    out = np.zeros((ROWS, CELLS))
    out[:, 0], out[:, 1] = n - hits, hits
    return out


def _ticks(name: str, count: int, share: float = 0.3, seed: int = 2, begin: int = 0) -> list[Tick]:
    rng = np.random.default_rng(seed)
    out = []
    for i in range(begin, begin + count):
        n = rng.poisson(4.0, ROWS).astype(float)
        out.append((FIRST + LEARN + i, n, _sums(name, n, share, rng)))
    return out


def _bytes(detector: Detector) -> dict[str, bytes]:
    return {k: v.tobytes() for k, v in detector.snapshot().items()}


@each
def test_equal_inputs_give_equal_bytes_and_touch_nothing_global(name: str) -> None:
    before = str(np.random.get_state(legacy=False))  # noqa: NPY002
    one, two = DETECTORS[name].make(), DETECTORS[name].make()
    for tick, n, s in _ticks(name, 40):
        kept = n.copy(), s.copy()
        one.update(tick, n, s)
        assert np.array_equal(n, kept[0])
        assert np.array_equal(s, kept[1])
        two.update(tick, n, s)
    assert _bytes(one) == _bytes(two)
    assert str(np.random.get_state(legacy=False)) == before  # noqa: NPY002


@each
def test_a_restart_anywhere_changes_nothing(name: str) -> None:
    """State and all that it says afterwards, long after detectors that replay began anew."""
    ticks = _ticks(name, 600)
    ticks[300:] = _ticks(name, 300, 0.9, begin=300)
    whole, said = DETECTORS[name].make(), []
    for tick, n, s in ticks:
        whole.update(tick, n, s)
        said.append(whole.evidence().tobytes())
    for cut in (0, 1, 47, 253, 331, 599) if name in OURS else (47, 331):
        part = DETECTORS[name].make()
        for tick, n, s in ticks[:cut]:
            part.update(tick, n, s)
        part = part.restore(part.snapshot())
        for (tick, n, s), evidence in zip(ticks[cut:], said[cut:], strict=True):
            part.update(tick, n, s)
            assert part.evidence().tobytes() == evidence
        assert _bytes(part) == _bytes(whole)


@each
def test_a_snapshot_is_a_copy_and_has_a_version(name: str) -> None:
    detector = DETECTORS[name].make()
    kept = detector.snapshot()
    before = {k: v.tobytes() for k, v in kept.items()}
    for tick, n, s in _ticks(name, 10):
        detector.update(tick, n, s)
    assert {k: v.tobytes() for k, v in kept.items()} == before
    with pytest.raises(ValueError, match="not readable"):
        detector.restore({**kept, "schema": np.array(999)})


@each
@pytest.mark.parametrize("n_value", [0.0, 1.0, 1e6])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_extreme_ticks_leave_finite_numbers(name: str, n_value: float, share: float) -> None:
    """Empty, constant, all in one cell, enormous."""
    detector = DETECTORS[name].make()
    n = np.full(ROWS, n_value)
    for tick, _, _ in _ticks(name, 3 if n_value > 1 else 300):
        detector.update(tick, n, _sums(name, n, share))
        assert np.isfinite(detector.evidence()).all()
    assert all(np.isfinite(v).all() for v in detector.snapshot().values() if v.dtype.kind == "f")


@each
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_a_number_is_refused_and_leaves_the_state_alone(name: str, bad: float) -> None:
    detector = DETECTORS[name].make()
    before = _bytes(detector)
    n, s = np.full(ROWS, 4.0), _sums(name, np.full(ROWS, 4.0), 0.25)
    with pytest.raises(ValueError, match=r"finite|between"):
        detector.update(FIRST + LEARN, np.full(ROWS, bad), s)
    with pytest.raises(ValueError, match=r"finite|between"):
        detector.update(FIRST + LEARN, n, np.full_like(s, bad))
    assert _bytes(detector) == before


@each
def test_counts_of_other_rows_are_refused(name: str) -> None:
    detector = DETECTORS[name].make()
    before = _bytes(detector)
    with pytest.raises(ValueError, match="expected"):
        detector.update(FIRST + LEARN, np.ones(ROWS + 1), np.zeros(ROWS + 1))
    assert _bytes(detector) == before


@each
def test_time_never_goes_back(name: str) -> None:
    detector = DETECTORS[name].make()
    n = np.full(ROWS, 4.0)
    detector.update(FIRST + LEARN + 5, n, _sums(name, n, 0.25))
    before = _bytes(detector)
    with pytest.raises(ValueError, match=r"tick \d+ is"):
        detector.update(FIRST + LEARN + 4, n, _sums(name, n, 0.25))
    assert _bytes(detector) == before


@each
def test_a_gross_rise_is_found_and_forgotten_on_reset(name: str) -> None:
    detector = DETECTORS[name].make()
    for tick, n, s in _ticks(name, 150, 0.1):
        detector.update(tick, n, s)
    found = np.zeros(ROWS, dtype=bool)
    for tick, n, s in _ticks(name, 150, 1.0, begin=150):
        detector.update(tick, n, s)
        found |= detector.evidence() >= detector.threshold
    assert found.all()
    detector.reset(np.arange(ROWS))
    assert (detector.evidence() < detector.threshold).all()
    fresh = DETECTORS[name].make()
    fresh.reset(np.arange(ROWS))
    if not DETECTORS[name].budgeted:  # those remember how busy it was
        for tick, n, s in _ticks(name, 150, 0.2, seed=3, begin=300):
            detector.update(tick, n, s)
            fresh.update(tick, n, s)
        assert _bytes(detector) == _bytes(fresh)


@each
def test_rows_that_are_not_reset_go_on(name: str) -> None:
    detector, other = DETECTORS[name].make(), DETECTORS[name].make()
    for tick, n, s in _ticks(name, 100):
        detector.update(tick, n, s)
        other.update(tick, n, s)
    detector.reset([1])
    for tick, n, s in _ticks(name, 100, 0.9, begin=100):
        detector.update(tick, n, s)
        other.update(tick, n, s)
        rest = np.arange(ROWS) != 1
        assert np.array_equal(detector.evidence()[rest], other.evidence()[rest])


@pytest.mark.parametrize("name", [k for k, case in DETECTORS.items() if case.budgeted])
def test_silence_accrues_no_more_than_the_budget(name: str) -> None:
    detector = DETECTORS[name].make()
    last = FIRST + LEARN + 999
    detector.update(last, np.zeros(ROWS), np.zeros(ROWS))
    assert np.allclose(np.exp(detector.evidence() - detector.threshold), 1_000 * 1e-5, rtol=1e-9)
