"""Traffic over gaps of weeks and of decades: a clock that jumps stops nothing and says one thing once."""

from __future__ import annotations

import time

import numpy as np
import pytest

from detectors.engine.snapshot import pack, unpack
from detectors.finding import Finding
from detectors.observation import ServiceKey
from detectors.traffic.traffic import Traffic
from tests.detectors.test_traffic import flat, message, numbers
from tests.detectors.traffic import DAY, START, config

LEARN_DAYS = 14
YEAR = 365 * DAY


def begun(calls: bool) -> Traffic:
    """A service of ``LEARN_DAYS`` and a half, with calls or with almost none."""
    traffic = Traffic(traffic_key(), config(learn=LEARN_DAYS * 288))
    n = numbers(flat, LEARN_DAYS + 0.5, 3)
    for minute in range(len(n)):
        if n[minute] and (calls or minute < 3):
            traffic.observe(message(START + minute, int(n[minute])))
        traffic.advance(START + minute + 1, minute)
    return traffic


def traffic_key() -> ServiceKey:
    return message(START, 1).key


def advanced(traffic: Traffic, to: int, steps: np.ndarray) -> list[Finding]:
    """Let time pass, in steps that end with ``to``."""
    found: list[Finding] = []
    for at in (*sorted(steps.tolist()), to):
        found += traffic.advance(at, 1)
    return found


@pytest.mark.parametrize("calls", [True, False])
def test_a_gap_ends_alike_however_its_minutes_pass(calls: bool) -> None:
    begin, end = START + 15 * DAY, START + 115 * DAY
    expected: tuple[list[str], bytes] | None = None
    rng = np.random.default_rng(1)
    for n in (0, 3, 100 * DAY // 7, 200):
        traffic = begun(calls)
        steps = rng.integers(begin, end, n) if n < 1000 else np.arange(begin, end, 7)
        found = advanced(traffic, end, steps)
        traffic.observe(message(end + 5, 4))
        found += traffic.advance(end + DAY // 2, 2)
        facts, arrays = unpack(pack(*traffic.state()))
        got = ([f.to_json() for f in found], pack(facts, arrays))
        assert expected is None or got == expected
        expected = got
        assert [f.alert_kind for f in found] == (["silence", "silence"] if calls else [])


@pytest.mark.parametrize("calls", [True, False])
def test_decades_pass_in_about_the_time_of_weeks(calls: bool) -> None:
    weeks, decades = begun(calls), begun(calls)
    started = time.perf_counter()
    advanced(weeks, START + 115 * DAY, np.zeros(0))
    between = time.perf_counter()
    found = advanced(decades, START + 200 * YEAR, np.zeros(0))
    took = time.perf_counter() - between
    assert took <= 5 * (between - started)
    assert len(decades.state()[1]["counts"]) <= 5 * LEARN_DAYS * 288
    assert len(found) == int(calls)
