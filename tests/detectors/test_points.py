"""Single far values and jumps of a metric."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.files.expected_value import MEMORY, Usual, learn_usual, misses
from detectors.files.point_scales import PointScales, block_ticks
from detectors.files.points import CONFIRM, OFTEN, Point, PointWatch, learn_far
from detectors.files.watch import watch

START_S = 1_767_225_600.0
W = 1e-6
Floats = NDArray[np.float64]


def _metric(seed: int, count: int = 3_000) -> NDArray[np.float64]:
    """A daily cycle with noise: 20 plus or minus 5, one value in five minutes."""
    rng = np.random.default_rng(seed)
    t = np.arange(count)
    return np.asarray(20 + 5 * np.sin(2 * np.pi * t / 288) + 0.5 * rng.standard_normal(count), dtype=float)


def _points(values: Floats, learn: int, tick_s: int, w: float) -> PointWatch:
    made = PointWatch.learn(np.arange(learn), values[:learn], tick_s, w)
    assert made is not None
    return made


def _watch_all(values: Floats, learn: int = 1_000, tick_s: int = 300) -> list[Point]:
    points = _points(values, learn, tick_s, W)
    seen = [points.step(i, float(v))[1] for i, v in enumerate(values[learn:], start=learn)]
    return [p for p in seen if p is not None]


def test_without_a_cycle_the_expected_is_the_median_before() -> None:
    values = np.arange(20.0)
    out = misses(Usual.of(0), np.arange(20), values)
    assert np.isnan(out[:MEMORY]).all()
    assert np.allclose(out[MEMORY:], 6.5)
    assert np.isnan(misses(Usual.of(0), np.arange(5), values[:5])).all()


def test_a_cycle_is_used_where_it_helps() -> None:
    rng = np.random.default_rng(1)
    t = np.arange(24 * 28)
    noise = rng.standard_normal(len(t))
    week = 20.0 * ((t // 24) % 7 >= 5)
    steep = 10 * np.sin(2 * np.pi * t / 24)
    for values, cycle in ((noise, 0), (noise + steep, 24), (noise + steep + week * (t % 24 > 8), 168)):
        usual, missed = learn_usual(t, values, 3_600)
        assert usual.cycle == cycle
        assert np.isfinite(missed).all()


def test_after_a_jump_a_cycle_goes_on_at_the_new_level() -> None:
    t = np.arange(24 * 20)
    values = 10 * np.sin(2 * np.pi * t / 24)
    usual = Usual.of(24)
    misses(usual, t[:240], values[:240])
    usual.restart(t[240:264].tolist(), (values[240:264] + 50).tolist())
    seen = misses(usual, t[264:], values[264:] + 50)
    assert np.abs(seen).max() < 1e-9


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


def test_where_the_largest_are_alike_the_tail_has_an_end() -> None:
    """A step that comes twice a day is the farthest a value goes; twice as far is strange."""
    rng = np.random.default_rng(9)
    x = rng.standard_normal(2_000)
    x[::200] = 50.0
    far = learn_far(x, W)
    assert far is not None
    assert 50 < far.up < 100


@pytest.mark.parametrize("values", [np.zeros(500), np.arange(50.0), np.zeros(0)])
def test_windows_without_a_tail_learn_nothing(values: NDArray[np.float64]) -> None:
    assert learn_far(values, W) is None


def test_a_side_without_a_tail_is_not_watched() -> None:
    """Counts that are mostly zero cannot fall."""
    far = learn_far(np.random.default_rng(10).poisson(0.3, 1_000).astype(float), W)
    assert far is not None
    assert np.isfinite(far.up)
    assert np.isinf(far.down)


def _noise(seed: int, count: int = 600) -> Floats:
    return np.asarray(np.random.default_rng(seed).standard_normal(count), dtype=float)


def test_a_point_is_said_once_its_followers_are_known() -> None:
    points = _points(_noise(11), 600, 300, W)
    told = [points.step(600 + i, 20.0 * (i == 0)) for i in range(CONFIRM + 1)]
    assert [point for _, point in told[:-1]] == [None] * CONFIRM
    point = told[-1][1]
    assert point is not None
    assert (point.tick, point.side, point.value, point.jump) == (600, 1, 20.0, False)
    # soon after, another is part of the same trouble
    assert [points.step(607 + i, 20.0 * (i == 3))[1] for i in range(11)] == [None] * 11


def test_what_happened_often_is_no_longer_strange() -> None:
    values = _noise(12, 4_000)
    values[700::100] += 25.0
    assert [p.tick for p in _watch_all(values, 600)] == [700 + 100 * i for i in range(OFTEN)]


def test_more_scatter_raises_the_limits() -> None:
    points = _points(_noise(13), 600, 300, W)
    points.restart(np.arange(600, 700), np.multiply(5.0, _noise(14, 100)))
    later = 5 * _noise(15, 2_000)
    assert [p for i, v in enumerate(later) if (p := points.step(700 + i, float(v))[1])] == []


@pytest.mark.parametrize(
    ("learned", "tick_s", "ticks"), [(100, 300, 0), (600, 300, 6), (1_548, 1_800, 12), (90_000, 60, 720)]
)
def test_blocks_divide_the_day_and_are_many(learned: int, tick_s: int, ticks: int) -> None:
    assert block_ticks(learned, tick_s) == ticks


def test_an_hour_that_is_odd_as_a_whole_is_told_by_blocks() -> None:
    rng = np.random.default_rng(16)
    values = rng.standard_normal(3_000)
    values[2_004:2_040] += 2.5  # within what single values do
    scales = PointScales(np.arange(1_200), values[:1_200], 300, W)
    told = [p for i, v in enumerate(values[1_200:], start=1_200) if (p := scales.step(i, float(v)))]
    assert [(p.side, 2_000 <= p.tick <= 2_016) for p in told] == [(1, True)]


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
