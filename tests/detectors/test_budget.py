"""Budgets: what is read, and that nobody can spend more than there is."""

from __future__ import annotations

import pytest

from detectors.budgets.budget import CLASS_SHARES, Budget, service_budget, tail_part


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


def test_fifty_services_and_the_reserve_are_the_whole_budget() -> None:
    fleet = Budget.parse("1/month")
    assert sum(CLASS_SHARES.values()) == pytest.approx(1.0)
    assert 50 * service_budget(fleet).pages == pytest.approx(0.8)


def test_late_comers_never_exhaust_a_reserve() -> None:
    parts = [tail_part(k) for k in range(1, 10_001)]
    assert parts == sorted(parts, reverse=True)
    assert sum(parts) == pytest.approx(10_000 / 10_001)
    with pytest.raises(ValueError, match="from 1"):
        tail_part(0)
