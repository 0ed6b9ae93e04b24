"""Detectors of others behind our protocol: what they say of known inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from river import drift
from scipy import stats

from detectors.engine.river_detectors import BLOCK, NUMBERS, RiverRows
from detectors.engine.window_tests import STATISTICS, WindowTest, psi, wasserstein
from tests.at_length import at_length

Floats = NDArray[np.float64]


def _saw(rows: RiverRows, values: Floats) -> list[int]:
    one = np.ones(1)
    return [i for i, v in enumerate(values) if rows.update(i, one, np.full(1, v))[0]]


def test_within_a_block_a_row_is_the_detector_of_the_library() -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal(2 * BLOCK - 1)
    values[600:] += 1.0
    adwin: Any = drift.ADWIN
    theirs = adwin(clock=8)
    seen = []
    for i, value in enumerate(values):
        theirs.update(float(value))
        if theirs.drift_detected:
            seen.append(i)
    assert seen
    assert _saw(RiverRows("ADWIN", 1, clock=8), values) == seen


@pytest.mark.parametrize("name", at_length(NUMBERS))
def test_a_shift_long_after_the_first_block_is_still_seen(name: str) -> None:
    rng = np.random.default_rng(2)
    values = rng.standard_normal(6 * BLOCK)
    at = 5 * BLOCK + 40
    values[at:] += 2.0
    seen = _saw(RiverRows(name, 1), values)
    assert any(at < i < at + 200 for i in seen), seen


@pytest.mark.parametrize("name", ["HDDM_A", "HDDM_W"])
def test_hits_are_fed_one_by_one_and_spread_evenly(name: str) -> None:
    rng = np.random.default_rng(3)
    rows = RiverRows(name, 1)
    n = np.full(1, 10.0)
    quiet = [rows.update(t, n, rng.binomial(10, 0.1, 1).astype(float))[0] for t in range(100)]
    risen = [rows.update(100 + t, n, rng.binomial(10, 0.8, 1).astype(float))[0] for t in range(20)]
    assert not any(quiet)
    assert any(risen)


def test_the_snapshot_holds_what_was_fed_and_no_object_of_the_library() -> None:
    rows = RiverRows("ADWIN", 2)
    for tick in range(3 * BLOCK):
        rows.update(tick, np.array([1.0, 0.0]), np.array([float(tick), 0.0]))
    arrays = rows.snapshot()
    assert {a.dtype.kind for a in arrays.values()} <= set("iufbU")
    assert arrays["lengths"].tolist() == [BLOCK, 0]
    assert arrays["inputs"].tolist() == [float(t) for t in range(2 * BLOCK, 3 * BLOCK)]


BEFORE, AFTER = np.array([[40.0, 30.0, 20.0, 10.0]]), np.array([[30.0, 30.0, 20.0, 20.0]])


def _evidence(statistic: str) -> float:
    test = WindowTest(statistic, BEFORE, 100, 0.5)
    test.update(0, AFTER.sum(1), AFTER)
    return float(test.evidence()[0])


def test_chi_square_is_that_of_a_contingency_table() -> None:
    table = np.concatenate([BEFORE, AFTER])
    assert np.exp(-_evidence("chi2")) == pytest.approx(stats.chi2_contingency(table).pvalue)


def test_kolmogorov_smirnov_is_that_of_the_two_samples_but_for_their_size() -> None:
    one, two = (np.repeat(np.arange(4), x[0].astype(int)) for x in (BEFORE, AFTER))
    asymptotic = stats.ks_2samp(one, two, method="asymp").pvalue
    assert np.exp(-_evidence("ks")) == pytest.approx(asymptotic, rel=0.1)


def test_sizes_of_a_known_move() -> None:
    """Ten of a hundred events moved by three cells."""
    assert wasserstein(BEFORE[0], AFTER[0]) == pytest.approx(0.3)
    assert _evidence("jensen_shannon") ** 2 == pytest.approx(0.01743, abs=1e-5)
    assert psi(10_000 * BEFORE[0], 10_000 * AFTER[0]) == pytest.approx(
        0.1 * np.log(4 / 3) + 0.1 * np.log(2), rel=1e-3
    )


@pytest.mark.parametrize("statistic", STATISTICS)
def test_equal_shares_are_nothing(statistic: str) -> None:
    test = WindowTest(statistic, 10 * BEFORE, 100, 0.2)
    assert not test.update(0, BEFORE.sum(1), BEFORE)[0]
    assert test.evidence()[0] == pytest.approx(0.0, abs=1e-3)


def test_p_values_hold_their_level_for_one_window_of_independent_events() -> None:
    rng = np.random.default_rng(4)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    for statistic in ("ks", "chi2"):
        alarms = 0
        for _ in range(400):
            test = WindowTest(statistic, rng.multinomial(500, shares)[None].astype(float), 200, 0.05)
            window = rng.multinomial(200, shares)[None].astype(float)
            alarms += int(test.update(0, window.sum(1), window)[0])
        assert alarms <= 32  # 20 expected at most; 99.7 % of binomial scatter


BAD = [
    (("psi", BEFORE, 0, 0.2), "window 0"),
    (("ks", BEFORE, 10, 1.0), "limit 1.0"),
    (("anderson", BEFORE, 10, 0.1), "one of ks"),
    (("psi", np.zeros((1, 4)), 10, 0.2), "empty reference"),
    (("psi", np.zeros(4), 10, 0.2), "finite counts"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_arguments_are_named(arguments: tuple[str, Floats, int, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WindowTest(*arguments)


def test_unknown_detectors_are_named() -> None:
    with pytest.raises(ValueError, match="one of ADWIN"):
        RiverRows("DDM", 1)
    with pytest.raises(ValueError, match="at least one row"):
        RiverRows("ADWIN", 0)
