"""Budgets: what is read, and that nobody can spend more than there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.drift.budget import (
    CLASS_SHARES,
    Allocation,
    Budget,
    parent_is_quiet,
    service_budget,
    ticket_level,
)


@pytest.mark.parametrize(
    ("text", "pages", "days"), [("1/month", 1.0, 30), (" 0.5 / week", 0.5, 7), ("2/day", 2.0, 1)]
)
def test_budgets_are_read_as_people_say_them(text: str, pages: float, days: int) -> None:
    assert Budget.parse(text) == Budget(pages, days * 86_400)


@pytest.mark.parametrize("text", ["1", "x/day", "1/fortnight", "0/day", "-1/day", "1/0", "nan/day"])
def test_other_texts_are_refused_with_the_text_in_the_message(text: str) -> None:
    with pytest.raises(ValueError, match=r"budget|positive"):
        Budget.parse(text)


def test_a_month_of_ticks_spends_a_month_of_budget() -> None:
    assert Budget.parse("3/month").per_tick(300) * 8_640 == pytest.approx(3.0)


@given(
    st.dictionaries(st.sampled_from(sorted(CLASS_SHARES)), st.integers(1, 6), min_size=1),
    st.lists(st.tuples(st.sampled_from(sorted(CLASS_SHARES)), st.integers(1, 9)), max_size=60),
)
def test_whatever_is_admitted_the_shares_never_exceed_the_budget(
    capacity: dict[str, int], asked: list[tuple[str, int]]
) -> None:
    allocation = Allocation(service_budget(Budget.parse("1/month")), 300, capacity)
    spent = 0.0
    for series_class, channels in asked:
        if series_class not in capacity:
            with pytest.raises(ValueError, match="no capacity"):
                allocation.admit(series_class, channels)
            continue
        w = allocation.admit(series_class, channels)
        spent += 0.0 if w is None else w * channels
        assert (
            (w is None)
            == ([c for c, _ in asked[: asked.index((series_class, channels)) + 1]].count(series_class) < 0)
            or w is None
            or w > 0
        )
    assert spent <= allocation.budget.per_tick(300) * (1 + 1e-12)
    assert all(allocation.used[c] <= capacity[c] for c in allocation.used)


def test_fifty_services_and_the_reserve_are_the_whole_budget() -> None:
    fleet = Budget.parse("1/month")
    assert sum(CLASS_SHARES.values()) == pytest.approx(1.0)
    assert 50 * service_budget(fleet).pages == pytest.approx(0.8)


def test_tickets_share_the_statistic_at_a_lower_level() -> None:
    level = ticket_level(Budget.parse("1/month"), Budget.parse("1/day"))
    assert level == pytest.approx(1 / 30)
    assert ticket_level(Budget.parse("1/day"), Budget.parse("1/month")) == 1.0


def test_a_slice_waits_while_its_roll_up_is_half_way() -> None:
    assert parent_is_quiet(8.7, 17.6)
    assert not parent_is_quiet(8.9, 17.6)
