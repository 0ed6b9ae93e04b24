"""Objectives: burn rates over pairs of windows, least numbers, missing and late data, and the budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.grid import FlagGrid, LogGrid
from detectors.rules import BREACH, NO_DATA, OK, TickSum, tick_sum
from detectors.slo import PAIRS, PERIOD_S, BurnWindow, Pair, Slo, in_words, plain, shares

TICK_S = 300
FLAG, SECONDS = FlagGrid(), LogGrid(0.01, 1e3)
PAGE_FAST, PAGE_SLOW, TICKET_FAST, TICKET_SLOW = PAIRS
H = 12
"""Ticks of an hour."""


def hits(tick: int, n: int, k: int) -> TickSum:
    return tick_sum(tick, [0, 1], [n - k, k], FLAG)


def said(slo: Slo, *spans: tuple[int, int, int]) -> list[tuple[str, str]]:
    """What each tick says (page, ticket) of spans of (ticks, values a tick, bad a tick); changes alone."""
    window, tick, out = BurnWindow(slo, TICK_S), 0, list[tuple[str, str]]()
    for length, n, k in spans:
        for _ in range(length):
            burns = window.close(tick, hits(tick, n, k) if n else None, FLAG)
            now = burns["page"].status, burns["ticket"].status
            if not out or out[-1] != now:
                out.append(now)
            tick += 1
    return out


THREE_NINES = Slo("refusal", 0.99)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(H, 100, 0)], [(OK, OK)]),
        ([(72 * H, 100, 1)], [(OK, OK)]),  # just what may be: the limit itself is fine
        ([(72 * H, 100, 2)], [(OK, NO_DATA), (OK, BREACH)]),  # twice what may be: a ticket, of 500 calls
        ([(72 * H, 100, 0), (6 * H, 100, 7)], [(OK, OK), (BREACH, OK)]),
        # a ticket's windows are longer: of three days that were fine this hour is little
        ([(72 * H, 100, 0), (H, 100, 15)], [(OK, OK), (BREACH, OK)]),
        # the page ends when both of its short windows are fine, though the long ones are not
        ([(6 * H, 100, 0), (H, 100, 50), (3, 100, 0)], [(OK, OK), (OK, BREACH), (BREACH, BREACH)]),
        (
            [(6 * H, 100, 0), (H, 100, 50), (6, 100, 0)],
            [(OK, OK), (OK, BREACH), (BREACH, BREACH), (OK, BREACH)],
        ),
        # fewer than make five bad ones at the limit decide nothing: 35 for 14.4 times, 500 for once
        ([(1, 20, 20)], [(NO_DATA, NO_DATA)]),
        ([(2, 20, 20)], [(NO_DATA, NO_DATA), (BREACH, NO_DATA)]),
        # nothing comes any more: what burnt is not over, and what did not is not known to be fine
        ([(H, 100, 50), (H, 0, 0)], [(BREACH, NO_DATA), (BREACH, BREACH), (NO_DATA, BREACH)]),
        ([(H, 100, 0), (80 * H, 0, 0)], [(OK, OK), (NO_DATA, OK), (NO_DATA, NO_DATA)]),
    ],
)
def test_what_burns(spans: list[tuple[int, int, int]], expected: list[tuple[str, str]]) -> None:
    found = said(THREE_NINES, *spans)
    assert [pair for pair in expected if pair in found] == expected
    assert (found[0], found[-1]) == (expected[0], expected[-1])


@pytest.mark.parametrize("pair", PAIRS)
def test_each_pair_fires_over_its_limit_and_not_at_it(pair: Pair) -> None:
    n, quiet = 100_000, 72 * H
    limit = round(pair.factor * 0.001 * n)
    for k in (limit, limit + 10):
        window = BurnWindow(Slo("refusal", 0.999), TICK_S)
        for tick in range(quiet + pair.long_s // TICK_S):
            burn = window.close(tick, hits(tick, n, k if tick >= quiet else 0), FLAG)[pair.severity]
        assert (burn.status == BREACH) == (k > limit)


def test_late_rows_are_in_no_window_and_ticks_make_it() -> None:
    """Whatever is not in a tick when it closes is never seen; a gap of an hour empties the hour."""
    window = BurnWindow(THREE_NINES, TICK_S)
    for tick in range(H):
        window.close(tick, hits(tick, 100, 0), FLAG)
    assert window.close(3 * H, hits(3 * H, 40, 40), FLAG)["page"].status == BREACH
    assert window.first_of(PAGE_FAST, 3 * H) == 3 * H
    assert window.first_of(PAGE_SLOW, 3 * H) == 0


def test_values_over_a_limit_are_bad_of_a_score_with_values() -> None:
    slow = Slo("latency_s", 0.9, above=8.0)
    window = BurnWindow(slow, TICK_S)
    cells = [SECONDS.cell(1.0), SECONDS.cell(9.0)]
    for tick in range(H):
        burn = window.close(tick, tick_sum(tick, cells, [20, 80], SECONDS), SECONDS)
    assert burn["page"].pair == PAGE_SLOW  # 14.4 times a tenth is more than all
    assert burn["page"].share == pytest.approx(0.8)
    assert in_words(slow, burn["page"], window.budget_use())[:2] == (
        "share of values above 8",
        "objective latency_s over 8: at most 10 % over 30 days",
    )


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=40), st.integers(1, 400))
def test_the_budget_is_that_of_thirty_days_and_survives_a_snapshot(
    pairs: list[tuple[int, int]], apart: int
) -> None:
    window = BurnWindow(THREE_NINES, TICK_S)
    for at, (n, k) in enumerate(pairs):
        bad = min(n, k)
        again = BurnWindow(THREE_NINES, TICK_S, shares(plain(window.ticks)), shares(plain(window.hours)))
        first = window.close(at * apart, hits(at * apart, n, bad), FLAG)
        assert again.close(at * apart, hits(at * apart, n, bad), FLAG) == first
        window = again
    if pairs:
        last = (len(pairs) - 1) * apart
        hour = last * TICK_S // 3600
        kept = [
            (n, min(n, k))
            for at, (n, k) in enumerate(pairs)
            if at * apart * TICK_S // 3600 > hour - PERIOD_S // 3600
        ]
        spent = window.budget_use()
        assert (spent.n, spent.bad) == (sum(n for n, _ in kept), sum(k for _, k in kept))
        if spent.n:
            assert spent.left == pytest.approx(1 - spent.bad / (0.01 * spent.n))


def test_an_objective_is_known_by_what_it_says_and_not_by_what_it_deserves() -> None:
    assert Slo("refusal", 0.99).slo_id == Slo("refusal", 0.99, severity="ticket").slo_id
    assert Slo("refusal", 0.99).slo_id != Slo("refusal", 0.995).slo_id
    assert Slo("refusal", 0.999).allowed == 0.001
