from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dashboard.measures import intervals


@given(st.integers(1, 5_000), st.data())
def test_wilson_is_scipys(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    theirs = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert intervals.wilson(hits, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_nothing_counted_says_nothing() -> None:
    assert intervals.wilson(0, 0) == (0.0, 1.0)
    assert intervals.mean(5.0, 25.0, 1) == (-math.inf, math.inf)


def test_difference_is_newcombes_own_example() -> None:
    # Newcombe 1998, table II, method 10: 56/70 against 48/80
    low, high = intervals.difference(48, 80, 56, 70)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_many_intervals_hold_together() -> None:
    rng = np.random.default_rng(11)
    rates, n, cells = np.full(84, 0.01), 4_000, 84
    confidence = intervals.together(cells)
    missed = 0
    for _ in range(300):
        hits = rng.binomial(n, rates)
        missed += any(intervals.wilson(h, n, confidence).excludes(0.01) for h in hits)
    # one at a time, 95 % intervals would miss in 99 % of pictures
    assert missed / 300 < 0.10


def test_mean_is_students() -> None:
    values = np.random.default_rng(3).normal(5, 2, 30)
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    ours = intervals.mean(values.sum(), (values**2).sum(), len(values))
    assert ours == pytest.approx((theirs.low, theirs.high))


def test_a_baseline_predicts_about_95_percent_of_points() -> None:
    rng = np.random.default_rng(7)
    low, high = intervals.predicted(0.021, 140)
    shares = rng.binomial(140, 0.021, 20_000) / 140
    assert 0.93 <= np.mean((shares >= low) & (shares <= high)) <= 1.0
    assert intervals.predicted(0.5, 0) == (0.0, 1.0)
