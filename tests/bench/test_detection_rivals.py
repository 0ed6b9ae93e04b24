"""Other detectors of the acceptance harness: ours would look better than they are if these were wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from bench.detection.figure import Alarms, Delay
from bench.detection.rivals import Statistic, Tuned
from bench.detection.rivals_focus import statistic
from bench.detection.rivals_river import PAGE_HINKLEY
from bench.detection.rivals_windows import CHI_SQUARE, KS
from bench.detection.streams import Change, Floats, Sample, Stream, draw


def _sample(kind: str, seed: int) -> Sample:
    rng = np.random.default_rng(seed)
    n = rng.poisson(2.0, (60, 3)).astype(float)
    s = rng.binomial(n.astype(int), 0.3).astype(float) if kind == "flag" else n * rng.normal(1, 2, n.shape)
    return Sample(n, s, 20, kind)


def _log_likelihood(n: float, s: float) -> float:
    return sum(k * math.log(k / n) for k in (s, n - s) if k > 0)


def _slow(sample: Sample, r: int, upto: int) -> float:
    """The best of all starts of a change, one by one."""
    n, s = sample.n[:, r], sample.s[:, r]
    if sample.kind == "value":
        learned = slice(0, sample.learn)
        e = s - n * (s[learned].sum() / n[learned].sum())
        s = e / math.sqrt((e[learned] ** 2 / np.maximum(n[learned], 1)).mean())
        s[learned] = 0.0
    best = 0.0
    for start in range(sample.learn, upto + 1):
        old = float(n[:start].sum()), float(s[:start].sum())
        new = float(n[start : upto + 1].sum()), float(s[start : upto + 1].sum())
        if new[0] == 0:
            continue
        if sample.kind == "flag":
            both = old[0] + new[0], old[1] + new[1]
            gain = _log_likelihood(*old) + _log_likelihood(*new) - _log_likelihood(*both)
        else:
            gain = 0.5 * old[0] * new[0] / (old[0] + new[0]) * (new[1] / new[0] - old[1] / old[0]) ** 2
        best = max(best, gain)
    return best


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["flag", "value"])
def test_focus_finds_the_best_of_all_starts(kind: str, seed: int) -> None:
    sample = _sample(kind, seed)
    fast = statistic(sample)
    slow = [[_slow(sample, r, sample.learn + i) for r in range(3)] for i in range(sample.watched)]
    assert np.allclose(fast, slow, atol=1e-9)


def test_whoever_is_calibrated_alarms_on_no_more_than_one_series_in_twenty() -> None:
    stream = Stream(rate=0.2, events=5.0)
    quiet = draw(stream, np.random.default_rng(1), 40, learn=2, watch=3)
    changed = draw(stream, np.random.default_rng(2), 40, learn=2, watch=3, change=Change(3 * 288, after=0.6))
    for rival in (PAGE_HINKLEY, CHI_SQUARE, KS, Statistic("FOCuS", statistic)):
        entry = rival.enter(quiet, [(changed, 288)], 1.0)
        assert entry.alarms.crossed <= 2
        assert entry.delays[0].missed == 0


def test_the_loosest_setting_within_the_budget_is_taken() -> None:
    def run(values: Sequence[float], setting: float, learn: int) -> int:
        return 0 if max(values[learn:]) > setting else -1

    values: Floats = np.tile(np.arange(40.0), (2, 1))
    entry = Tuned("over", run, 0.0, 100.0, 50.0).enter(Sample(np.ones((2, 40)), values, 1, "value"), [], 1.0)
    assert entry.alarms.crossed == 2


def test_delays_wait_to_the_end_for_who_never_alarms_and_leave_false_alarms_out() -> None:
    delay = Delay.of(np.array([-1, 5, 20, 24]), 20, 40, per_tick=2.0)
    assert delay.median == 8.0
    assert delay.missed == pytest.approx(1 / 3)


def test_false_alarms_are_counted_over_what_was_watched_until_then() -> None:
    alarms = Alarms.of(np.array([-1, 9]), 90, 10.0)
    assert alarms.share == 0.5
    assert alarms.per_10k == pytest.approx(10.0)
