"""Silence and falls of traffic, by the minute, and quiet nights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from detectors.engine.snapshot import pack, unpack
from detectors.finding import Finding
from detectors.observation import Column, Observation, SourcePosition
from detectors.traffic.traffic import Traffic
from tests.at_length import at_length
from tests.detectors.traffic import DAY, KEY, START, config

LEARNED = 14 * DAY
NOON = LEARNED + 2 * DAY + 720


def flat(minute: np.ndarray) -> np.ndarray:
    return np.full(len(minute), 4.0)


def nightly(minute: np.ndarray) -> np.ndarray:
    hour = minute // 60 % 24
    return np.where((hour >= 7) & (hour < 22), 3.0, 0.01)


def numbers(rate: Callable[[np.ndarray], np.ndarray], days: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).poisson(rate(np.arange(int(days * DAY))))


def message(minute: int, n: int, **changes: object) -> Observation:
    o = Observation(
        KEY,
        SourcePosition("otlp_spans", 0, minute),
        "interaction",
        (minute,) * n,
        {},
        {"error": Column((), (0,) * n)},
        {"error": 1},
    )
    return replace(o, **changes)  # type: ignore[arg-type]


def run(traffic: Traffic, n: np.ndarray, first: int = 0) -> list[Finding]:
    """Feed counts per minute; the clock passes each minute when it is over."""
    found: list[Finding] = []
    for minute in range(first, len(n)):
        if n[minute]:
            traffic.observe(message(START + minute, int(n[minute])))
        found += traffic.advance(START + minute + 1, minute)
    return found


def minutes_after(finding: Finding, at: int) -> float:
    return finding.made_at.timestamp() / 60 - START - at


def test_traffic_that_stops_is_silence_within_minutes_and_its_return_ends_it() -> None:
    n = numbers(flat, 18, 1)
    n[NOON : NOON + 90] = 0
    said, ended = run(Traffic(KEY, config()), n)
    assert (said.alert_kind, said.severity, said.status, said.direction) == (
        "silence",
        "page",
        "confirmed",
        "fall",
    )
    assert 3 <= minutes_after(said, NOON) <= 8
    assert said.onset is not None
    assert abs(said.onset.timestamp() / 60 - START - NOON) <= 2
    assert said.baseline_value == pytest.approx(240, rel=0.1)
    assert ended == replace(said, ended_at=ended.ended_at)
    assert ended.ended_at is not None
    assert abs(ended.ended_at.timestamp() / 60 - START - NOON - 90) <= 2


@pytest.mark.parametrize("seed", at_length(range(3)))
def test_a_quiet_night_is_no_page_and_a_quiet_noon_is(seed: int) -> None:
    n = numbers(nightly, 28, seed)
    assert run(Traffic(KEY, config()), n) == []
    n[NOON:] = 0
    (said,) = run(Traffic(KEY, config()), n[: NOON + 60])
    assert said.alert_kind == "silence"


def test_a_stop_in_the_evening_is_noticed_in_the_morning() -> None:
    n = numbers(nightly, 18, 2)
    evening, morning = LEARNED + DAY + 22 * 60, LEARNED + 2 * DAY + 7 * 60
    n[evening:] = 0
    (said,) = run(Traffic(KEY, config()), n[: morning + 120])
    assert 0 <= minutes_after(said, morning) <= 20


def test_half_of_the_traffic_missing_is_a_fall_and_twice_of_it_is_nothing() -> None:
    n = numbers(flat, 18, 3)
    fallen = np.where(np.arange(len(n)) >= NOON, n // 2, n)
    (said,) = run(Traffic(KEY, config()), fallen)
    assert (said.alert_kind, said.direction, said.effect_unit) == ("volume", "fall", "calls per hour")
    assert minutes_after(said, NOON) < 180
    assert said.onset_low is not None
    assert said.onset_high is not None
    low, high = (t.timestamp() / 60 - START for t in (said.onset_low, said.onset_high))
    assert low <= NOON <= high
    assert said.effect_low is not None
    assert said.effect_high is not None
    assert said.effect_low <= -120 <= said.effect_high + 15  # halves are rounded down
    assert run(Traffic(KEY, config()), np.where(np.arange(len(n)) >= NOON, 2 * n, n)) == []


def test_content_that_comes_apart_from_its_call_is_no_call() -> None:
    traffic = Traffic(KEY, config())
    traffic.observe(message(START, 3))
    traffic.observe(message(START, 3, scores={"refusal": Column((), (0, 0, 0))}, generations={"refusal": 1}))
    traffic.observe(message(START, 3, unit="trace"))
    traffic.advance(START + 5, 0)
    assert traffic.state()[1]["counts"].tolist() == [3]


def test_a_state_at_any_minute_goes_on_with_equal_bits() -> None:
    n = numbers(nightly, 17, 4)
    n[NOON : NOON + 60] = 0
    n[NOON + 300 :] //= 3
    whole = Traffic(KEY, config())
    expected = [f.to_json() for f in run(whole, n)]
    assert len(expected) >= 3
    found: list[str] = []
    other = Traffic(KEY, config())
    for cut in (*sorted(np.random.default_rng(5).integers(0, len(n), 12)), NOON + 30, len(n)):
        done = other.state()[0]["next"]
        found += [f.to_json() for f in run(other, n[: max(cut, 0)], 0 if done is None else done - START)]
        facts, arrays = unpack(pack(*other.state()))
        other = Traffic(KEY, config())
        other.restore(facts, arrays)
    assert found == expected
    assert pack(*other.state()) == pack(*whole.state())
