"""The statistic: against a slow scalar recursion, and its invariances."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.engine.baseline import Baseline
from detectors.engine.dispersion import fit_flags, fit_values
from detectors.engine.price import Price
from detectors.engine.shiryaev_roberts import PART, Bank, FlagBank, ValueBank
from tests.at_length import examples
from tests.detectors.streams import DAY, MONDAY, TICK_S, flags, values

Floats = NDArray[np.float64]
FORMS = ("flag", "value")
LEARN = 14 * DAY
W = 1e-6


def _draw(form: str, seed: int, series: int = 4, days: float = 15.0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    if form == "flag":
        return flags(rng, 0.05, days=days, series=series, events=3.0, daily=0.6)
    return values(rng, days=days, series=series, events=3.0)


def _fit(form: str, n: Floats, s: Floats) -> Baseline:
    return (fit_flags if form == "flag" else fit_values)(n[:LEARN], s[:LEARN], MONDAY, TICK_S)


def _bank(form: str, baseline: Baseline, w: float = W) -> Bank:
    bank: Bank = FlagBank(TICK_S) if form == "flag" else ValueBank(TICK_S)
    bank.append(baseline, w)
    return bank


def _slow(form: str, b: Baseline, cost: Price, n: list[float], s: list[float], w: float) -> float:
    """log(sum S / w) of the one row of ``b``, one event count at a time, without arrays."""
    alternatives = (
        [1 / 8, 1 / 4, 1 / 2, 2 / 3, 4 / 5, 5 / 4, 3 / 2, 2, 3, 5, 10, 30, 100]
        if form == "flag"
        else [-1.6, -0.8, -0.4, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6]
    )
    size = len(alternatives)
    total = [0.0] * size
    long_run = max([1.0] + [float(k) for k, d in zip(b.block_kappa[0], b.block_df[0], strict=True) if d > 0])
    start = float(b.total_s[0] if form == "flag" else b.total_n[0]) / long_run
    first, second = (start, start) if form == "flag" else (0.0, start)
    traffic, cap = 0.0, math.log(1 / w) / 4
    for i, (count, value) in enumerate(zip(n, s, strict=True)):
        tick = MONDAY + LEARN + i
        second_of_day = tick * TICK_S % 86_400
        m = float(b.level[0] + b.hour[0][second_of_day // 3600])
        m += float(b.week[0][(tick * TICK_S // 86_400 + 3) % 7])
        decay = math.exp(-TICK_S / 3600)
        traffic = traffic * decay + count * (1 - decay)
        f = max(1.0, traffic / float(b.usual_n[0]), count / float(b.burst_n[0]))
        gains = [0.0] * size
        if count > 0:
            ks = []
            for j in range(size):
                k1, k4, k16 = (float(x) for x in cost.kappa[:, j, 0])
                if f <= 4:
                    ks.append(k1 + (k4 - k1) * (f - 1) / 3)
                elif f <= 16:
                    ks.append(k4 + (k16 - k4) * (f - 4) / 12)
                else:
                    ks.append(1 + (k16 - 1) * f / 16)
            if form == "flag":
                m = min(max(m, 0.2 * float(b.level[0]), 1e-7), 0.999)
                limit = max(4 * math.sqrt(float(b.k0[0]) * count * m * (1 - m)), 1.5)
                x = count * m + min(max(value - count * m, -limit), limit)
                x = min(max(x, 0.0), count)
                q = min(max(min(max((first + 0.5) / (second + 0.5), 0.2), 5.0) * m, 1e-9), 0.999)
                for j, odds in enumerate(alternatives):
                    p = odds * m / (1 - m + odds * m)
                    ratio = x * math.log(p / q) + (count - x) * math.log((1 - p) / (1 - q))
                    gains[j] = ratio / ks[j]
                first += x / (long_run * f)
                second += count * m / (long_run * f)
            else:
                limit = 4 * math.sqrt(float(b.k0[0]) / count)
                v = (value / count - m) / math.sqrt(float(b.event_var[0]))
                v = min(max(v, -limit), limit)
                spread = 1 + count / second
                off = 0.5 * count * (v - first) ** 2
                price = min(0.5 * math.log(spread) + off / spread, off)
                for j, d in enumerate(alternatives):
                    gains[j] = (price - 0.5 * count * (v - d) ** 2) / ks[j]
                weight = count / (long_run * f)
                step = min(max(v - first, -4 / math.sqrt(weight)), 4 / math.sqrt(weight))
                second += weight
                first += weight * step / second
            gains = [gain - float(fade) * count for gain, fade in zip(gains, cost.fade[:, 0], strict=True)]
        for j in range(size):
            total[j] = min((total[j] + w / size) * math.exp(min(gains[j], cap)), 1e250)
    return math.log(sum(total) / w)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", [1, 2])
def test_agrees_with_a_slow_scalar_recursion(form: str, seed: int) -> None:
    n, s = _draw(form, seed)
    n[LEARN + 100 : LEARN + 110] *= 9  # traffic no one has seen
    s[LEARN + 100 : LEARN + 110] *= 9
    baseline = _fit(form, n, s)
    bank = _bank(form, baseline)
    for t in range(LEARN, len(n)):
        bank.update(MONDAY + t, n[t], s[t])
    for row in range(4):
        own = baseline.take([row])
        slow = _slow(form, own, bank.cost([row]), list(n[LEARN:, row]), list(s[LEARN:, row]), W)
        assert bank.evidence()[row] == pytest.approx(slow, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_ticks_left_out_accrue_like_ticks_without_events(form: str) -> None:
    n, s = _draw(form, 3)
    n[LEARN + 5 : LEARN + 60] = s[LEARN + 5 : LEARN + 60] = 0.0
    baseline = _fit(form, n, s)
    eager, lazy = _bank(form, baseline), _bank(form, baseline)
    for t in range(LEARN, LEARN + 100):
        eager.update(MONDAY + t, n[t], s[t])
        if n[t].any():
            lazy.update(MONDAY + t, n[t], s[t])
    assert np.allclose(eager.evidence(), lazy.evidence(), rtol=1e-12)
    assert np.array_equal(eager.last_tick, lazy.last_tick)


@pytest.mark.parametrize("form", FORMS)
def test_a_row_says_the_same_whoever_stands_beside_it(form: str) -> None:
    n, s = _draw(form, 4, series=7)
    order = np.random.default_rng(5).permutation(7)
    baseline = _fit(form, n, s)
    shuffled = _fit(form, n[:, order], s[:, order])
    assert shuffled.version == baseline.take(order).version
    together, other = _bank(form, baseline), _bank(form, shuffled)
    alone = [_bank(form, _fit(form, n[:, [r]], s[:, [r]])) for r in range(7)]
    for t in range(LEARN, len(n)):
        together.update(MONDAY + t, n[t], s[t])
        other.update(MONDAY + t, n[t, order], s[t, order])
        for r, bank in enumerate(alone):
            bank.update(MONDAY + t, n[t, [r]], s[t, [r]])
    assert np.array_equal(together.s[:, order], other.s)
    assert np.array_equal(together.s, np.concatenate([b.s for b in alone], axis=1))


@pytest.mark.parametrize("form", FORMS)
def test_many_rows_are_taken_in_parts_with_equal_bits(form: str) -> None:
    n, s = _draw(form, 17, series=3)
    one = _fit(form, n, s)
    count = 2 * PART + 5
    copies = np.arange(count) % 3
    few, many = _bank(form, one, w=0.01), _bank(form, one.take(copies), w=0.01)
    few.ticket[:] = many.ticket[:] = 1e-6
    for t in range(LEARN, LEARN + 3):
        crossed = few.update(MONDAY + t, n[t], s[t])
        whole = many.update(MONDAY + t, n[t, copies], s[t, copies])
    assert np.array_equal(many.s, few.s[:, copies])
    assert list(whole.rows) == [r for r in range(count) if r % 3 in crossed.rows]
    rows = np.flatnonzero(copies == 1)[::-1]
    before = many.s[:, 0].copy()
    many.update(MONDAY + LEARN + 3, n[t + 1, copies[rows]], s[t + 1, copies[rows]], rows)
    few.update(MONDAY + LEARN + 3, n[t + 1, [1]], s[t + 1, [1]], np.array([1]))
    assert np.array_equal(many.s[:, rows], np.repeat(few.s[:, [1]], len(rows), axis=1))
    assert np.array_equal(many.s[:, 0], before)


@pytest.mark.parametrize("form", FORMS)
def test_a_snapshot_taken_anywhere_goes_on_with_equal_bits(form: str) -> None:
    n, s = _draw(form, 6)
    baseline = _fit(form, n, s)
    whole = _bank(form, baseline)
    cut = _bank(form, baseline)
    for t in range(LEARN, LEARN + 60):
        whole.update(MONDAY + t, n[t], s[t])
        cut.update(MONDAY + t, n[t], s[t])
        cut = type(cut).restore(cut.snapshot())
    a, b = whole.snapshot(), cut.snapshot()
    assert a.keys() == b.keys()
    assert all(a[k].tobytes() == b[k].tobytes() for k in a)


@pytest.mark.parametrize("form", FORMS)
def test_a_snapshot_of_the_version_before_is_priced_anew(form: str) -> None:
    n, s = _draw(form, 18)
    bank = _bank(form, _fit(form, n, s))
    bank.update(MONDAY + LEARN, n[LEARN], s[LEARN])
    old = {k: v.astype(float) if v.dtype == np.float32 else v for k, v in bank.snapshot().items()}
    old |= {"schema": np.array(1), "baseline.schema": np.array(1), "kappa": old["kappa"].transpose(1, 2, 0)}
    del old["fade"]
    again = type(bank).restore(old).snapshot()
    assert all(v.tobytes() == again[k].tobytes() for k, v in bank.snapshot().items())


@pytest.mark.parametrize("form", FORMS)
def test_rows_added_later_do_not_disturb_the_others(form: str) -> None:
    n, s = _draw(form, 7)
    baseline = _fit(form, n, s)
    alone, grown = _bank(form, baseline.take([0, 1])), _bank(form, baseline.take([0, 1]))
    for t in range(LEARN, LEARN + 50):
        alone.update(MONDAY + t, n[t, :2], s[t, :2])
        if t == LEARN + 20:
            assert list(grown.append(baseline.take([2, 3]), W / 7, tick=MONDAY + t - 1)) == [2, 3]
        rows = len(grown)
        grown.update(MONDAY + t, n[t, :rows], s[t, :rows])
    assert np.array_equal(alone.s, grown.s[:, :2])
    assert grown.last_tick[2] == MONDAY + LEARN + 49


@pytest.mark.parametrize("form", FORMS)
def test_peek_says_what_update_will_and_changes_nothing(form: str) -> None:
    n, s = _draw(form, 8)
    bank = _bank(form, _fit(form, n, s), w=0.05)
    bank.ticket[:] = 1e-6  # everything is reported
    for t in range(LEARN, LEARN + 30):
        before = {k: v.tobytes() for k, v in bank.snapshot().items()}
        seen = bank.peek(MONDAY + t, n[t], s[t])
        assert before == {k: v.tobytes() for k, v in bank.snapshot().items()}
        done = bank.update(MONDAY + t, n[t], s[t])
        assert np.array_equal(seen.log_evidence, done.log_evidence)
        assert np.array_equal(seen.rows, done.rows)


@pytest.mark.parametrize("form", FORMS)
def test_a_subset_of_rows_leaves_the_rest_as_they_were(form: str) -> None:
    n, s = _draw(form, 9)
    bank = _bank(form, _fit(form, n, s))
    bank.update(MONDAY + LEARN, n[LEARN], s[LEARN])
    kept = bank.s[:, [1, 3]].copy()
    rows = np.array([2, 0])
    bank.update(MONDAY + LEARN + 1, n[LEARN + 1, rows], s[LEARN + 1, rows], rows)
    assert np.array_equal(bank.s[:, [1, 3]], kept)
    assert list(bank.last_tick - MONDAY - LEARN) == [1, 0, 1, 0]


@pytest.mark.parametrize("form", FORMS)
def test_no_rows_are_no_trouble(form: str) -> None:
    none = np.zeros(0)
    empty: Bank = FlagBank(TICK_S) if form == "flag" else ValueBank(TICK_S)
    assert len(empty.update(MONDAY, none, none)) == 0
    assert len(type(empty).restore(empty.snapshot())) == 0
    n, s = _draw(form, 16)
    bank = _bank(form, _fit(form, n, s))
    assert len(bank.update(MONDAY + LEARN, none, none, np.zeros(0, dtype=np.int64))) == 0
    assert len(bank.peek(MONDAY + LEARN, none, none, np.zeros(0, dtype=np.int64))) == 0


def test_reset_forgets_the_evidence_and_what_the_incident_taught() -> None:
    n, s = flags(np.random.default_rng(10), 0.05, days=15, series=2, after=0.5)
    bank = _bank("flag", _fit("flag", n, s))
    start = [x.copy() for x in bank.learned]
    for t in range(LEARN, LEARN + 40):
        bank.update(MONDAY + t, n[t], s[t])
    assert (bank.evidence() > bank.threshold).all()
    bank.reset([0])
    assert not bank.s[:, 0].any()
    assert bank.s[:, 1].any()
    assert [x[0] for x in bank.learned] == [x[0] for x in start]
    assert bank.learned[0][1] != start[0][1]


def test_no_tick_and_no_three_ticks_can_page() -> None:
    n, s = flags(np.random.default_rng(11), 0.02, days=15, series=1, events=100.0)
    bank = _bank("flag", _fit("flag", n, s), w=1e-9)
    pages = [len(bank.update(MONDAY + LEARN + t, np.array([100.0]), np.array([100.0]))) for t in range(8)]
    assert pages[:3] == [0, 0, 0]
    assert pages[7] == 1


def test_evidence_stays_finite_when_a_change_goes_on_for_months() -> None:
    n, s = flags(np.random.default_rng(12), 0.05, days=15, series=1)
    bank = _bank("flag", _fit("flag", n, s))
    for t in range(5_000):
        bank.update(MONDAY + LEARN + t, np.array([20.0]), np.array([20.0]))
    assert np.isfinite(bank.evidence()).all()
    assert np.isfinite(bank.s).all()


@pytest.mark.parametrize(
    ("before", "after", "direction"), [(0.05, 0.5, 1), (0.5, 0.05, -1), (0.97, 0.6, -1), (0.6, 0.97, 1)]
)
def test_direction_is_that_of_the_rate_also_where_misses_are_counted(
    before: float, after: float, direction: int
) -> None:
    n, s = flags(np.random.default_rng(13), before, days=15, series=3, after=after)
    bank = _bank("flag", _fit("flag", n, s))
    for t in range(LEARN, LEARN + 60):
        crossings = bank.update(MONDAY + t, n[t], s[t])
    assert len(crossings) == 3
    assert (crossings.direction == direction).all()
    assert crossings.page.all()
    assert (crossings.log_evidence >= crossings.threshold).all()


@given(st.floats(0.01, 0.99), st.integers(1, 40), st.integers(0, 2**32 - 1))
@example(0.5, 2, 851)
@settings(max_examples=examples(15), deadline=None)
def test_one_tick_is_a_fair_bet_under_the_null(rate: float, events: int, seed: int) -> None:
    """Mean of exp(l) over everything a tick can hold, at the rate expected of it, is at most about one."""
    rng = np.random.default_rng(seed)
    n = np.full((LEARN, 1), float(events))
    s = rng.binomial(events, rate, (LEARN, 1)).astype(float)
    bank = _bank("flag", _fit("flag", n, s))
    hits = np.arange(events + 1)
    p = bank.baseline.expected(MONDAY + LEARN)[0] if bank.baseline is not None else math.nan
    p = 1 - p if bank.baseline is not None and bank.baseline.mirrored[0] else p
    chance = np.array([math.comb(events, int(k)) * p**k * (1 - p) ** (events - k) for k in hits])
    grown = []
    for k in hits:
        bank.s[:] = 1e-9  # what it holds already; the share of this tick is beside the point
        bank.last_tick[:] = MONDAY + LEARN - 1
        grown.append(
            bank._step(MONDAY + LEARN, np.array([0]), np.array([float(events)]), np.array([float(k)])).s[:, 0]
        )
    mean = (chance[:, None] * np.array(grown)).sum(0) / (1e-9 + W / 13)
    assert (mean <= 1.02).all()


BAD: list[tuple[str, Callable[[Bank], Any]]] = [
    ("not after", lambda b: b.update(MONDAY + LEARN - 1, np.ones(4), np.zeros(4))),
    ("finite", lambda b: b.update(MONDAY + LEARN, np.full(4, np.nan), np.zeros(4))),
    ("finite", lambda b: b.update(MONDAY + LEARN, np.ones(4), np.full(4, np.inf))),
    ("expected", lambda b: b.update(MONDAY + LEARN, np.ones(3), np.zeros(3))),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("message", "call"), BAD)
def test_bad_input_is_named(form: str, message: str, call: Callable[[Bank], Any]) -> None:
    n, s = _draw(form, 14)
    with pytest.raises(ValueError, match=message):
        call(_bank(form, _fit(form, n, s)))


def test_what_cannot_be_watched_is_refused() -> None:
    n, s = _draw("flag", 15)
    baseline = _fit("flag", n, s)
    bank = FlagBank(TICK_S)
    with pytest.raises(ValueError, match="budget shares"):
        bank.append(baseline, 0.0)
    with pytest.raises(ValueError, match="ticket levels"):
        bank.append(baseline, W, ticket=2.0)
    with pytest.raises(ValueError, match="less than a day"):
        bank.append(fit_flags(n[:100], s[:100], MONDAY, TICK_S), W)
    with pytest.raises(ValueError, match="bank is value"):
        ValueBank(TICK_S).append(baseline, W)
    with pytest.raises(ValueError, match="not readable"):
        ValueBank.restore(_bank("flag", baseline).snapshot())
