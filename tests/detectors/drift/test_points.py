"""Single far values and jumps of a metric."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.drift.points import CONFIRM, MEMORY, Far, Point, PointWatch, innovations, learn_far
from detectors.drift.watch import watch

START_S = 1_767_225_600.0
W = 1e-6
Floats = NDArray[np.floating[Any]]


def _metric(seed: int, count: int = 3_000) -> NDArray[np.float64]:
    """A daily cycle with noise: 20 plus or minus 5, one value in five minutes."""
    rng = np.random.default_rng(seed)
    t = np.arange(count)
    return np.asarray(20 + 5 * np.sin(2 * np.pi * t / 288) + 0.5 * rng.standard_normal(count), dtype=float)


def _watch_all(values: NDArray[np.float64], learn: int = 1_000) -> list[Point]:
    far = learn_far(values[:learn], W)
    assert far is not None
    points = PointWatch(far, values[:learn])
    seen = [points.step(i, float(v)) for i, v in enumerate(values[learn:], start=learn)]
    return [p for p in seen if p is not None]


def test_innovations_are_distances_from_the_median_before() -> None:
    values = np.arange(20.0)
    out = innovations(values)
    assert np.isnan(out[:MEMORY]).all()
    assert np.allclose(out[MEMORY:], 6.5)
    assert np.isnan(innovations(values[:5])).all()


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_cycles_are_no_points(seed: int) -> None:
    assert _watch_all(_metric(seed)) == []


@pytest.mark.parametrize("height", [8.0, -8.0])
def test_a_spike_within_the_daily_range_is_a_point_and_only_one(height: float) -> None:
    """At the foot of the cycle the spike's value is an ordinary one of midday."""
    values = _metric(6)
    at = 288 * 6 + 216 if height > 0 else 288 * 6 + 72
    values[at : at + 2] += height
    points = _watch_all(values)
    assert [(p.tick, p.side, p.jump) for p in points] == [(at, int(np.sign(height)), False)]
    assert points[0].value - points[0].level == pytest.approx(height, abs=2)


def test_a_level_that_stays_is_a_jump() -> None:
    values = _metric(7)
    values[2_000:] += 12
    assert [(p.tick, p.side, p.jump) for p in _watch_all(values)] == [(2_000, 1, True)]


def test_a_heavier_tail_allows_more() -> None:
    rng = np.random.default_rng(8)
    light, heavy = learn_far(rng.standard_normal(2_000), W), learn_far(rng.standard_t(2.5, 2_000), W)
    assert light is not None
    assert heavy is not None
    assert heavy.up > 2 * light.up


@pytest.mark.parametrize("values", [np.zeros(500), np.arange(50.0), np.zeros(0)])
def test_windows_without_a_tail_learn_nothing(values: NDArray[np.float64]) -> None:
    assert learn_far(values, W) is None


def test_a_point_is_said_once_its_followers_are_known() -> None:
    points = PointWatch(Far(5.0, 5.0), np.zeros(MEMORY))
    assert points.step(0, 9.0) is None
    assert [points.step(i, 0.0) for i in range(1, CONFIRM)] == [None] * (CONFIRM - 1)
    assert points.step(CONFIRM, 0.0) == Point(0, 1, 9.0, 0.0, jump=False)
    # soon after, another is part of the same trouble
    assert [points.step(CONFIRM + i, 9.0 * (i == 3)) for i in range(1, 12)] == [None] * 11


def test_findings_of_a_metric_name_the_spike_and_the_jump() -> None:
    values = _metric(9, 4_000)
    values[2_000] += 15
    values[3_000:] += 12
    times = START_S + 300.0 * np.arange(len(values))
    findings = list(watch(times, values, kind="real", learn=1_200))
    assert [(f.alert_kind, f.direction) for f in findings] == [("anomaly", "rise"), ("drift", "rise")]
    spike, jump = findings
    assert spike.onset is not None
    assert spike.onset.timestamp() == times[2_000]
    assert spike.severity == "ticket"
    assert spike.effect == pytest.approx(15, abs=2)
    assert jump.onset_low is not None
    assert jump.onset_high is not None
    assert jump.onset_low.timestamp() <= times[3_000] <= jump.onset_high.timestamp()
    assert jump.made_at.timestamp() - times[3_000] <= 3_600
