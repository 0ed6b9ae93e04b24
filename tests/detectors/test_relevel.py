"""A new level for a known channel."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.engine.dispersion import fit_flags, fit_values
from detectors.engine.relevel import relevel
from detectors.engine.shiryaev_roberts import FlagBank
from tests.detectors.streams import DAY, MONDAY, TICK_S, flags, values

LEARN = 14 * DAY


@pytest.mark.parametrize(("before", "after"), [(0.05, 0.4), (0.05, 0.7), (0.9, 0.3), (0.3, 0.02)])
def test_the_rate_is_the_new_one_also_across_one_half(before: float, after: float) -> None:
    n, s = flags(np.random.default_rng(1), before, days=16, series=8, after=after, daily=0.3)
    old = fit_flags(n[:LEARN], s[:LEARN], MONDAY, TICK_S)
    new = relevel(old, MONDAY + LEARN, n[LEARN:], s[LEARN:])
    rates = np.where(new.mirrored, 1 - new.level, new.level)
    assert np.abs(rates - after).max() < 0.02
    assert (new.level <= 0.5).all()
    assert np.array_equal(new.total_n, n[LEARN:].sum(0))


def test_nothing_more_is_found_at_the_new_level() -> None:
    n, s = flags(np.random.default_rng(2), 0.05, days=28, series=60, after=0.3)
    settled = LEARN + 36
    old = fit_flags(n[:LEARN], s[:LEARN], MONDAY, TICK_S)
    bank = FlagBank(TICK_S)
    bank.append(old, float(np.exp(-11.3)))
    bank.replace(
        np.arange(60),
        relevel(old, MONDAY + LEARN, n[LEARN:settled], s[LEARN:settled]),
        tick=MONDAY + settled - 1,
    )
    crossed: set[int] = set()
    for t in range(settled, len(n)):
        crossed |= set(bank.update(MONDAY + t, n[t], s[t]).rows.tolist())
    assert len(crossed) <= 3


def test_the_next_change_is_found_from_the_new_level() -> None:
    rng = np.random.default_rng(3)
    n, s = flags(rng, 0.05, days=16, series=20, after=0.4)
    back_n, back_s = flags(rng, 0.05, days=1, series=20)
    old = fit_flags(n[:LEARN], s[:LEARN], MONDAY, TICK_S)
    bank = FlagBank(TICK_S)
    bank.append(old, float(np.exp(-13.0)))
    bank.replace(np.arange(20), relevel(old, MONDAY + LEARN, n[LEARN:], s[LEARN:]), tick=MONDAY + len(n) - 1)
    found: dict[int, int] = {}
    for t in range(DAY):
        crossings = bank.update(MONDAY + len(n) + t, back_n[t], back_s[t])
        found |= dict(zip(crossings.rows.tolist(), crossings.direction.tolist(), strict=True))
    assert found == dict.fromkeys(range(20), -1)


def test_means_take_the_larger_spread_and_rows_without_events_stay() -> None:
    rng = np.random.default_rng(4)
    n, s = values(rng, days=16, series=3)
    s[LEARN:, 0] = n[LEARN:, 0] * 5 + 3 * (s[LEARN:, 0])
    n[LEARN:, 2] = s[LEARN:, 2] = 0.0
    old = fit_values(n[:LEARN], s[:LEARN], MONDAY, TICK_S)
    new = relevel(old, MONDAY + LEARN, n[LEARN:], s[LEARN:])
    assert new.level[0] == pytest.approx(5.0, abs=0.1)
    assert new.event_var[0] == pytest.approx(9.0, rel=0.3)
    assert new.event_var[1] == pytest.approx(1.0, rel=0.3)
    assert new.take([2]).version == old.take([2]).version
    with pytest.raises(ValueError, match="channels"):
        relevel(old, MONDAY, n[:, :2], s[:, :2])
