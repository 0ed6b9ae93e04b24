"""The fast path: minutes to a gross rise, silence for one user, and its budget."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from detectors.fast.fast_path import LEAST_CONVERSATIONS, FastBank, upper_rate

W = float(np.exp(-14.4))


def test_the_upper_rate_is_clopper_and_pearsons() -> None:
    known = stats.binomtest(3, 200).proportion_ci(confidence_level=0.98, method="exact").high
    assert upper_rate(np.array([3.0]), np.array([200.0]))[0] == pytest.approx(known, rel=1e-6)
    assert upper_rate(np.array([0.0]), np.array([0.0]))[0] > 0.98
    assert upper_rate(np.array([5.0]), np.array([5.0]))[0] == 1.0


def _minutes(rate: float, *, series: int, minutes: int, p_high: float = 0.025, seed: int = 1) -> np.ndarray:
    """First page of each row, in minutes of four conversations; -1 for none."""
    rng = np.random.default_rng(seed)
    bank = FastBank(np.full(series, p_high), np.full(series, W), 0)
    first = np.full(series, -1)
    for minute in range(minutes):
        n = np.full(series, 4.0)
        page = bank.update(1 + minute // 5, n, rng.binomial(4, rate, series).astype(float))
        first[page & (first < 0)] = minute + 1
    return first


def test_gross_rises_are_found_in_minutes() -> None:
    assert np.median(_minutes(0.20, series=200, minutes=120)) <= 18
    assert np.median(_minutes(0.60, series=200, minutes=60)) <= 6


def test_it_is_silent_at_the_rate_it_allows() -> None:
    assert np.mean(_minutes(0.025, series=500, minutes=3_000) > 0) < 0.01


def test_nineteen_conversations_are_never_enough() -> None:
    bank = FastBank(np.array([0.01]), np.array([W]), 0)
    seen = 0
    for _ in range(LEAST_CONVERSATIONS - 1):
        seen += 1
        assert not bank.update(1, np.array([1.0]), np.array([1.0])).any()
    assert bank.update(1, np.array([1.0]), np.array([1.0])).all()
    assert seen == LEAST_CONVERSATIONS - 1


def test_old_quiet_conversations_do_not_stand_in_for_new_ones() -> None:
    bank = FastBank(np.array([0.01]), np.array([W]), 0)
    for tick in range(1, 50):
        bank.update(tick, np.array([20.0]), np.array([0.0]))
    assert not bank.update(50, np.array([10.0]), np.array([10.0])).any()


def test_one_conversation_per_tick_counts_once_however_long_it_goes_on() -> None:
    """The caller counts distinct conversations: a user who repeats himself adds none."""
    bank = FastBank(np.array([0.02]), np.array([W]), 0)
    assert not bank.update(1, np.array([1.0]), np.array([1.0])).any()
    for tick in range(2, 502):
        assert not bank.update(tick, np.array([0.0]), np.array([0.0])).any()


def test_a_snapshot_goes_on_with_equal_bits_and_a_reset_forgets() -> None:
    rng = np.random.default_rng(3)
    whole = FastBank(np.array([0.01, 0.05]), np.array([W, W]), 0)
    cut = FastBank(np.array([0.01, 0.05]), np.array([W, W]), 0)
    for tick in range(1, 60):
        n = rng.poisson(3.0, 2).astype(float)
        x = rng.binomial(n.astype(int), 0.2).astype(float)
        assert np.array_equal(whole.update(tick, n, x), cut.update(tick, n, x))
        cut = FastBank.restore(cut.snapshot())
    a, b = whole.snapshot(), cut.snapshot()
    assert all(a[k].tobytes() == b[k].tobytes() for k in a)
    whole.reset([1])
    assert whole.evidence()[1] < 0
    assert whole.evidence()[0] == cut.evidence()[0]
    with pytest.raises(ValueError, match="schema"):
        FastBank.restore(a | {"schema": np.array(7)})


@pytest.mark.parametrize(
    ("tick", "n", "x", "message"),
    [
        (0, [1.0], [2.0], "between 0 and"),
        (-1, [1.0], [0.0], "before the last"),
        (1, [np.nan], [0.0], "finite"),
        (1, [1.0, 1.0], [0.0, 0.0], "rows"),
    ],
)
def test_bad_counts_are_named(tick: int, n: list[float], x: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FastBank(np.array([0.1]), np.array([W]), 0).update(tick, np.array(n), np.array(x))


def test_limits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="p_high"):
        FastBank(np.array([0.6]), np.array([W]), 0)
    with pytest.raises(ValueError, match="shares"):
        FastBank(np.array([0.1]), np.array([0.0]), 0)
    with pytest.raises(ValueError, match="one p_high"):
        FastBank(np.array([0.1, 0.2]), np.array([W]), 0)
