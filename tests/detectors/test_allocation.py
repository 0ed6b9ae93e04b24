"""Dividing the fleet's budget: whoever comes, no more is handed out than there is."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.budgets.allocation import allot
from detectors.budgets.budget import FLEET_SHARES
from detectors.budgets.service_budget import BUDGET, ServiceBudget
from detectors.counts.aggregate import SeriesKey
from detectors.observation import ServiceKey, decode, encode
from detectors.series.budget_shares import BudgetShares
from tests.detectors.traffic import config

FLEET = ServiceBudget(1.0, 2.0)


def services(count: int) -> list[ServiceKey]:
    return [ServiceKey("default", "live", "production", f"s{i}") for i in range(count)]


@given(st.integers(0, 200), st.integers(1, 60), st.lists(st.floats(0, 0.05), max_size=8))
def test_any_number_of_services_gets_at_most_what_there_is(
    count: int, expected: int, named: list[float]
) -> None:
    own = {f"s{i}": ServiceBudget(pages, 2 * pages) for i, pages in enumerate(named)}
    try:
        granted = allot(FLEET, own, services(count), expected)
    except ValueError:
        assert sum(named) >= FLEET_SHARES["services"] - 1e-9 or len(named) >= expected
        return
    most = FLEET_SHARES["services"] + FLEET_SHARES["late"]
    assert sum(g.pages_per_month for g in granted.values()) <= most * (1 + 1e-9)
    assert sum(g.tickets_per_week for g in granted.values()) <= 2 * most * (1 + 1e-9)
    assert all(g.pages_per_month > 0 and g.tickets_per_week > 0 for g in granted.values())


def test_who_is_named_gets_that_and_the_others_divide_the_rest() -> None:
    keys = [*services(3), ServiceKey("default", "live", "staging", "s1")]
    granted = allot(FLEET, {"s1": ServiceBudget(0.2, 0)}, keys, 7)
    assert [granted[k].pages_per_month for k in keys] == pytest.approx([0.1, 0.1, 0.1, 0.1])
    assert [granted[k].tickets_per_week for k in keys] == pytest.approx([1.6 / 7] * 4)
    with pytest.raises(ValueError, match=r"\[service.s1\] add up to 0.9: all services together may"):
        allot(FLEET, {"s1": ServiceBudget(0.9, 0)}, (), 7)


def test_shares_of_the_fleet_are_one() -> None:
    assert sum(FLEET_SHARES.values()) == pytest.approx(1.0)


slices = st.sampled_from(["all", "language=en", "language=de", "release=1,language=en"])
keys = st.builds(SeriesKey, st.just("interaction"), st.sampled_from(["refusal", "steps", "secrets"]), slices)


@given(st.lists(st.lists(keys, max_size=12), max_size=6))
def test_series_that_come_in_any_order_share_at_most_one(arrivals: list[list[SeriesKey]]) -> None:
    shares, known = BudgetShares(), dict[int, SeriesKey]()
    for arrival in arrivals:
        new = {len(known) + i: key for i, key in enumerate(arrival)}
        known |= new
        before = dict(shares.dealt)
        shares.deal(new, config())
        assert {n: shares.dealt[n] for n in before} == before
    spent: Counter[str] = Counter()
    for number in known:
        spent[shares.dealt[number].severity] += shares.dealt[number].part  # type: ignore[assignment]
    assert all(part <= 1 for part in spent.values())
    assert BudgetShares.restore(shares.state()) == shares


def test_a_grant_travels_as_a_control_record() -> None:
    (key,) = services(1)
    record = decode(encode(ServiceBudget(0.5, 1.0).control(key)))
    assert (record.key, record.action) == (key, BUDGET)  # type: ignore[union-attr]
    assert ServiceBudget.of(record.body) == ServiceBudget(0.5, 1.0)  # type: ignore[union-attr]
    for body in ({}, {"pages_per_month": 1.0}, {"pages_per_month": -1.0, "tickets_per_week": "2"}):
        assert ServiceBudget.of(body) is None
