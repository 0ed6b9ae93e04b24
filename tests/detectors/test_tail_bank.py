"""Values on the fast path: minutes to a gross rise, silence for slow minutes and handfuls, and its budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.engine.dispersion import fit_flags
from detectors.engine.snapshot import pack, unpack
from detectors.fast.tail_bank import LEAST_HITS, LEAST_MINUTES, WINDOW, TailBank
from detectors.fast.upper_tail import Tail

W = float(np.exp(-17.3))
MINUTES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200), st.floats(0, 1)), max_size=40)


def _bank(rows: int = 1, p_high: float = 0.06, w: float = W) -> TailBank:
    return TailBank(np.full(rows, p_high), np.full(rows, w), 0)


def _fed(bank: TailBank, minutes: list[tuple[int, int, float]]) -> bool:
    paged, at = False, bank.last_tick
    for step, n, share in minutes:
        at += step
        paged |= bool(bank.update(at, np.array([float(n)]), np.array([float(round(n * share))])).any())
    return paged


def _first(rate: float, calls: int, minutes: int = 30) -> int:
    rng, bank = np.random.default_rng(1), _bank()
    for minute in range(1, minutes + 1):
        if bank.update(minute, np.array([float(calls)]), rng.binomial(calls, rate, 1).astype(float)).any():
            return minute
    return -1


@pytest.mark.parametrize("calls", [15, 120, 1200])
def test_a_gross_rise_is_told_in_the_fourth_minute(calls: int) -> None:
    assert _first(0.9, calls) == LEAST_MINUTES
    assert LEAST_MINUTES <= _first(0.5, calls) <= 7


@given(MINUTES, st.lists(st.integers(1, 100_000), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_slow_minutes_never_page_by_themselves(usual: list[tuple[int, int, float]], slow: list[int]) -> None:
    """However many calls wait in them: two slow minutes are parts of three."""
    bank = _bank()
    at = 0
    for step, n, _ in usual:
        at += step
        bank.update(at, np.array([float(n)]), np.array([float(n // 25)]))
    at += WINDOW  # whatever bets there were are over
    for n in slow:
        at += 1
        assert not bank.update(at, np.array([float(n)]), np.array([float(n)])).any()


@given(st.integers(1, LEAST_HITS - 1), st.integers(0, 2**20))
@settings(max_examples=60, deadline=None)
def test_a_handful_of_outputs_never_pages(hits: int, seed: int) -> None:
    rng, bank = np.random.default_rng(seed), _bank(p_high=0.001)
    at = rng.multinomial(hits, np.full(WINDOW, 1 / WINDOW))
    assert not _fed(bank, [(1, int(n), 1.0) for n in at])


@given(MINUTES, MINUTES)
@settings(max_examples=60, deadline=None)
def test_a_snapshot_goes_on_with_equal_bits(
    before: list[tuple[int, int, float]], after: list[tuple[int, int, float]]
) -> None:
    whole = _bank()
    whole.kappa[:], whole.usual[:] = 1.7, 30.0
    _fed(whole, before)
    cut = TailBank.restore(unpack(pack({}, whole.snapshot()))[1])
    assert _fed(whole, after) == _fed(cut, after)
    assert pack({}, whole.snapshot()) == pack({}, cut.snapshot())


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(0, 2**20))
@settings(max_examples=60, deadline=None)
def test_a_minute_is_the_same_in_any_order_and_in_any_pieces(calls: list[bool], seed: int) -> None:
    whole, pieces = _bank(), _bank()
    whole.update(1, np.array([float(len(calls))]), np.array([float(sum(calls))]))
    for i in np.random.default_rng(seed).permutation(len(calls)):
        pieces.update(1, np.ones(1), np.array([float(calls[i])]))
    assert pack({}, whole.snapshot()) == pack({}, pieces.snapshot())


def test_what_is_exchangeable_stays_within_the_budget() -> None:
    """One false alarm in 2,000 minutes is allowed each: with 200 rows over 1,000 minutes, 100 in the mean."""
    rng, bank, alarms = np.random.default_rng(2), _bank(200, 0.05, 1 / 2000), 0
    for minute in range(1, 1001):
        n = rng.poisson(12.0, 200).astype(float)
        page = np.flatnonzero(bank.update(minute, n, rng.binomial(n.astype(int), 0.05).astype(float)))
        bank.reset(page)
        alarms += len(page)
    assert alarms <= 100


def test_only_a_minute_that_lifts_can_cross() -> None:
    bank = _bank(p_high=0.06)
    assert not bank.lifts(np.array([100.0]), np.array([13.0]))
    assert bank.lifts(np.array([100.0]), np.array([14.0]))


def test_calls_that_are_alike_say_less_the_more_there_are() -> None:
    few, many = _bank(), _bank()
    for bank, calls in ((few, 30.0), (many, 3000.0)):
        bank.kappa[:], bank.usual[:] = 20.0, 450.0
        for minute in range(1, 16):
            bank.update(minute, np.array([calls]), np.array([0.05 * calls]))
        for minute in range(16, 18):
            bank.update(minute, np.array([calls]), np.array([0.4 * calls]))
    assert many.evidence()[0] < 10 * max(few.evidence()[0], 1.0)


def test_a_tail_that_wanders_has_a_higher_rate_and_dispersion() -> None:
    rng, ticks = np.random.default_rng(3), 14 * 288
    n = np.full((ticks, 2), 600.0)
    hours = np.repeat(rng.normal(0, 0.5, ticks // 12), 12)
    rates = np.stack([np.full(ticks, 0.05), 0.05 * np.exp(hours)], axis=1)
    baseline = fit_flags(n, rng.binomial(600, np.minimum(rates, 0.9)).astype(float), 0, 300)
    steady, wanders = (Tail.of(7, 0.06, baseline.take([i])) for i in range(2))
    assert steady.cut == wanders.cut == 7
    assert 1 <= steady.kappa < 1.5 < wanders.kappa
    assert steady.p_high < 0.07 < wanders.p_high
    assert steady.usual == pytest.approx(1800.0)
