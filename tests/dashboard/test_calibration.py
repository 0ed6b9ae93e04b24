"""What people said, as agreement and precision: known tables, and thresholds of a service's own."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dashboard.commands.calibration_command import show_agreements, show_precisions
from dashboard.estimates.calibration import TOP, Top, agreement, precision, top_of
from dashboard.queries.calibration import HumanVerdict, Pair
from detectors.scorers import SPECS


def test_agreement_is_the_published_example() -> None:
    """Cohen (1960) as of its usual example: 20 and 15 agree, 5 and 10 do not; kappa is 0.4."""
    cells = {(True, True): 20, (True, False): 5, (False, True): 10, (False, False): 15}
    (found,) = agreement("thumb", [Pair("fit@1", *key, n) for key, n in cells.items()])
    assert (found.n, found.agree, found.judge_good, found.people_good) == (50, 35, 25, 30)
    assert found.kappa == pytest.approx(0.4)
    known = stats.binomtest(35, 50).proportion_ci(method="wilson")
    assert found.interval == pytest.approx((known.low, known.high))
    (all_good,) = agreement("thumb", [Pair("fit@1", judge_good=True, people_good=True, n=3)])
    assert all_good.kappa is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=400))
def test_the_top_of_a_score_holds_its_share_or_is_one_cell(values: list[float]) -> None:
    spec = SPECS["injection"]
    assert spec.grid is not None
    cells = Counter(spec.grid.cell(v) for v in values)
    top = top_of(cells, spec)
    assert top is not None
    edge = spec.grid.cell(top.value)
    above = sum(n for cell, n in cells.items() if cell >= edge)
    assert top.n == len(values)
    assert above <= TOP * len(values) or edge == max(cells)


def test_precision_counts_hits_by_flag_and_by_the_top_of_a_service() -> None:
    said = [HumanVerdict("refusal", "desk", 1.0, right=n < 9) for n in range(10)]
    said += [HumanVerdict("refusal", "desk", 0.0, right=False)]
    said += [HumanVerdict("injection", "desk", v, right=v > 0.95) for v in (0.2, 0.91, 0.93, 0.97)]
    said += [
        HumanVerdict("injection", "unknown", 0.99, right=True),
        HumanVerdict("gone", "desk", 1.0, right=True),
    ]
    found = precision(said, SPECS, {("desk", "injection"): Top(0.9, 5000)})
    assert [(p.score, p.service, p.hits, p.right, p.below, p.missed) for p in found] == [
        ("injection", "desk", 3, 1, 1, 1),
        ("refusal", "desk", 10, 9, 1, 1),
    ]
    known = stats.binomtest(9, 10).proportion_ci(method="wilson")
    assert found[1].interval == pytest.approx((known.low, known.high))


def test_nothing_said_is_said_so() -> None:
    assert "nothing to compare" in show_agreements({"agreement": []})
    assert "right:<score>" in show_precisions({"precision": [], "thresholds": []})
