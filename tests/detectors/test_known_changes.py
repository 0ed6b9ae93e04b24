"""Onsets of rare events: what is known to have changed is likelier than any other moment."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.change.onset import OnsetScan, scan_flag
from detectors.engine.ticks import Floats

TICKS, CHANGE = 6000, 4000
ONES = np.ones(TICKS)
FLAT = np.zeros(TICKS)


def hits(rate: float, since: int, seed: int) -> Floats:
    """One event a tick; hits at ``rate`` from tick ``since`` on, none before."""
    draw = np.random.default_rng([seed, 5])
    return np.where(np.arange(TICKS) < since, 0.0, draw.random(TICKS) < rate).astype(float)


def noticed(s: Floats, count: int = 8) -> int:
    """Ticks until so many hits came: about what a detector needs."""
    return int(np.flatnonzero(s)[count - 1]) + 1


def scan(s: Floats, known: tuple[int, ...]) -> OnsetScan:
    end = noticed(s)
    return scan_flag(ONES[:end], s[:end], FLAT[:end], known=known)


def test_a_rare_event_that_stays_away_at_first_is_dated_to_the_release() -> None:
    series = [hits(0.01, CHANGE, seed) for seed in range(200)]
    plain, told = ([scan(s, known) for s in series] for known in ((), (CHANGE,)))
    assert sum(t.low <= CHANGE <= t.high for t in told) >= 198
    assert sum(p.low <= CHANGE <= p.high for p in plain) < 198
    late = [np.median([t.best - CHANGE for t in scans]) for scans in (plain, told)]
    assert late[1] == 0 < late[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_release_long_before_a_plain_change_is_not_its_onset(seed: int) -> None:
    found = scan(hits(0.2, CHANGE, seed), (CHANGE - 300,))
    assert found.low > CHANGE - 300


def test_what_changes_all_the_time_explains_nothing() -> None:
    s = hits(0.01, CHANGE, 3)
    plain, told = scan(s, ()), scan(s, tuple(range(TICKS)))
    assert (plain.best, plain.low, plain.high) == (told.best, told.low, told.high)
