"""Watching a file of values: every kind, causal, one finding a change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.files.watch import watch
from detectors.finding import Finding
from tests.at_length import at_length

START_S = 1_767_225_600.0
"""2026-01-01, a Thursday."""
DAY_S = 86_400.0
Floats = NDArray[np.floating[Any]]


def _times(rng: np.random.Generator, count: int, days: float) -> Floats:
    return np.sort(START_S + rng.uniform(0, days * DAY_S, count))


def _day(times: Floats) -> Floats:
    return (times - START_S) / DAY_S


def _found(findings: Sequence[Finding]) -> list[tuple[str | None, float]]:
    return [(f.direction, (f.onset.timestamp() - START_S) / DAY_S if f.onset else np.nan) for f in findings]


def _only(findings: Sequence[Finding], direction: str, day: float, within_days: float = 0.3) -> Finding:
    assert [f.direction for f in findings] == [direction], _found(findings)
    one = findings[0]
    assert one.onset is not None
    assert one.onset_low is not None
    assert one.onset_high is not None
    change = START_S + day * DAY_S
    assert abs(one.onset.timestamp() - change) < within_days * DAY_S
    assert one.onset_low.timestamp() - 300 <= change <= one.onset_high.timestamp() + 300
    assert one.made_at.tzinfo is not None
    assert one.made_at >= one.onset
    assert one.evidence is not None
    assert one.threshold is not None
    assert one.evidence >= one.threshold
    return one


def test_a_rate_that_rises_is_one_finding_and_its_return_another() -> None:
    rng = np.random.default_rng(1)
    times = _times(rng, 12_000, 42)
    day = _day(times)
    hits = rng.random(len(times)) < np.where((day > 21) & (day < 25), 0.4, 0.05)
    findings = list(watch(times, hits.astype(float), kind="flag"))
    assert [f.direction for f in findings] == ["rise", "fall"], _found(findings)
    rise, fall = findings
    _only([rise], "rise", 21.0)
    assert rise.effect_low is not None
    assert rise.effect_high is not None
    assert rise.effect_low <= 0.35 <= rise.effect_high
    assert rise.effect_unit == "rate"
    assert fall.baseline_value == pytest.approx(0.4, abs=0.07)


def test_shares_with_their_counts_are_the_same_series() -> None:
    rng = np.random.default_rng(2)
    times = START_S + 300.0 * np.arange(21 * 288)
    n = rng.poisson(4.0, len(times)).astype(float)
    hits = rng.binomial(n.astype(int), np.where(_day(times) > 17, 0.5, 0.1))
    shares = hits / np.maximum(n, 1)
    single = np.repeat(times, n.astype(int))
    values = np.concatenate([np.arange(int(k)) < h for k, h in zip(n, hits, strict=True)]).astype(float)
    pooled, apart = (
        list(watch(times, shares, kind="flag", n=n)),
        list(watch(single, values, kind="flag")),
    )
    assert [(f.onset, f.effect, f.n) for f in pooled] == [(f.onset, f.effect, f.n) for f in apart]
    _only(pooled, "rise", 17.0)


@pytest.mark.parametrize("factor", [2.0, 0.4])
def test_lengths_that_shift_are_told_by_their_median(factor: float) -> None:
    rng = np.random.default_rng(3)
    times = _times(rng, 4_500, 28)
    values = np.exp(5 + 0.8 * rng.standard_normal(len(times))) * np.where(_day(times) > 17, factor, 1.0)
    one = _only(list(watch(times, values, kind="positive")), "rise" if factor > 1 else "fall", 17.0, 0.5)
    assert one.effect_unit == "p50"
    assert one.baseline_value == pytest.approx(np.exp(5), rel=0.1)
    assert one.effect_low is not None
    assert one.effect_high is not None
    assert one.effect_low <= np.exp(5) * (factor - 1) <= one.effect_high


def test_scores_between_zero_and_one_shift() -> None:
    rng = np.random.default_rng(4)
    times = _times(rng, 4_500, 28)
    late = _day(times) > 17
    values = np.where(late, rng.beta(6, 4, len(times)), rng.beta(8, 2, len(times)))
    _only(list(watch(times, values, kind="bounded")), "fall", 17.0, 0.5)


def test_a_name_never_seen_before_is_found() -> None:
    rng = np.random.default_rng(5)
    times = _times(rng, 4_500, 28)
    names = rng.choice(["en", "es", "de"], len(times), p=[0.7, 0.2, 0.1])
    names = np.where((_day(times) > 17) & (rng.random(len(times)) < 0.1), "xx", names)
    one = _only(list(watch(times, names, kind="category")), "rise", 17.0, 0.5)
    assert one.baseline_value == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("factor", [0.4, 2.5])
def test_traffic_that_changes_is_found_through_its_daily_cycle(factor: float) -> None:
    rng = np.random.default_rng(6)
    t = np.arange(24 * 288)
    usual = 8 * np.exp(np.sin(2 * np.pi * t / 288)) * np.where(t >= 20 * 288, factor, 1.0)
    times = np.repeat(START_S + 300.0 * t + 100, rng.poisson(usual))
    findings = list(watch(times, np.ones(len(times)), kind="volume"))
    one = _only(findings, "rise" if factor > 1 else "fall", 20.0, 0.1)
    assert one.alert_kind == "volume"
    assert one.effect_unit == "per tick"
    assert one.made_at.timestamp() - START_S < 20.3 * DAY_S


def test_traffic_that_ends_is_found_when_something_comes_again() -> None:
    rng = np.random.default_rng(7)
    times = _times(rng, 20_000, 20)
    times = np.append(times, START_S + 21 * DAY_S)
    findings = list(watch(times, np.ones(len(times)), kind="volume"))
    assert findings[0].direction == "fall"
    assert findings[0].made_at.timestamp() == times[-1]


def test_a_metric_with_memory_is_quiet_until_its_level_jumps() -> None:
    rng = np.random.default_rng(8)
    y = np.zeros(6_000)
    for i in range(1, len(y)):
        y[i] = 0.8 * y[i - 1] + 0.6 * rng.standard_normal()
    times = START_S + 300.0 * np.arange(len(y))
    assert not list(watch(times, y, kind="real", learn=2_000))
    y[4_500:] += 5
    findings = list(watch(times, y, kind="real", learn=2_000))
    assert findings[0].direction == "rise"
    assert findings[0].made_at.timestamp() - times[4_500] < DAY_S / 2
    assert findings[0].onset_low is not None
    assert findings[0].onset_low.timestamp() <= times[4_500] <= findings[0].made_at.timestamp()


@pytest.mark.parametrize(
    ("kind", "learn"),
    at_length(
        [
            ("flag", 1_500),
            *((k, "14d") for k in ("flag", "bounded", "positive", "real", "category", "volume")),
        ],
        3,
    ),
)
def test_nothing_is_found_where_nothing_changes(kind: str, learn: str | int) -> None:
    rng = np.random.default_rng(9)
    times = _times(rng, 5_000, 28)
    values: dict[str, Any] = {
        "flag": (rng.random(5_000) < 0.1).astype(float),
        "bounded": rng.beta(8, 2, 5_000),
        "positive": rng.lognormal(5, 0.8, 5_000),
        "real": rng.standard_normal(5_000),
        "category": rng.choice(["a", "b", "c"], 5_000),
        "volume": np.ones(5_000),
    }
    assert list(watch(times, values[kind], kind=kind, learn=learn)) == []


@pytest.mark.parametrize("kind", at_length(["flag", "real", "volume"]))
def test_what_is_found_by_a_time_depends_on_nothing_later(kind: str) -> None:
    rng = np.random.default_rng(10)
    times = _times(rng, 9_000, 30)
    late = _day(times) > 18
    values = (rng.random(9_000) < np.where(late, 0.5, 0.1)).astype(float)
    if kind == "real":
        values = rng.standard_normal(9_000) + 2 * late
    if kind == "volume":
        keep = ~late | (rng.random(9_000) < 0.4)
        times, values = times[keep], np.ones(int(keep.sum()))
    whole = list(watch(times, values, kind=kind, learn="10d"))
    assert whole
    first = int(np.searchsorted(times, whole[0].made_at.timestamp()))
    for cut in (first - 1, first, first + 1, 8_000):
        seen = times[cut - 1] if cut <= len(times) else times[-1]
        prefix = list(watch(times[:cut], values[:cut], kind=kind, learn="10d"))
        assert prefix == [f for f in whole if f.made_at.timestamp() <= seen + 1e-5]


def test_rows_out_of_order_are_put_in_order() -> None:
    rng = np.random.default_rng(11)
    times = np.unique(np.round(_times(rng, 6_000, 30)))
    values = (rng.random(len(times)) < np.where(_day(times) > 18, 0.5, 0.1)).astype(float)
    order = rng.permutation(len(times))
    assert list(watch(times, values, kind="flag")) == list(watch(times[order], values[order], kind="flag"))


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_files_too_short_to_learn_from_say_nothing(count: int) -> None:
    times = START_S + 300.0 * np.arange(count)
    assert list(watch(times, np.zeros(count), kind="flag")) == []
    assert list(watch(times, np.zeros(count), kind="real", learn=10)) == []


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_flag_that_never_changes_says_nothing(value: float) -> None:
    times = START_S + 300.0 * np.arange(18 * 288)
    assert list(watch(times, np.full(len(times), value), kind="flag")) == []
    assert list(watch(times, np.full(len(times), value), kind="real", learn=4_000)) == []


def test_a_series_of_years_before_1970_is_told_once_and_not_at_every_tick() -> None:
    """A budget a month allows a value a year almost anything: a series may not spend all of that."""
    rng = np.random.default_rng(12)
    times = -3.0e9 + 365 * DAY_S * np.arange(160)
    values = 1_100 + 120 * rng.standard_normal(160)
    assert list(watch(times, values, kind="real", tick_s=365 * 86_400, learn=60)) == []
    values[110:] -= 400
    (one,) = watch(times, values, kind="real", tick_s=365 * 86_400, learn=60)
    assert one.direction == "fall"
    assert one.onset_low is not None
    assert one.onset_low.timestamp() <= times[110] <= one.made_at.timestamp()


def test_growth_that_goes_on_is_no_change() -> None:
    rng = np.random.default_rng(13)
    t = np.arange(200)
    values = (100 + 2 * t) * rng.lognormal(0, 0.05, 200)
    assert list(watch(START_S + 30 * DAY_S * t, values, kind="real", tick_s=30 * 86_400, learn=100)) == []


BAD: list[tuple[dict[str, Any], str]] = [
    ({"kind": "rate"}, "one of flag, bounded"),
    ({"values": [0.0, np.nan, 1.0]}, "value nan in row 1"),
    ({"values": [0.0, 2.0, 1.0]}, "value 2.0 in row 1"),
    ({"times_s": [0.0, np.inf, 1.0]}, "time inf in row 1"),
    ({"values": [0.0, 1.0]}, "differ in length"),
    ({"learn": "14 parsecs"}, "learn '14 parsecs'"),
    ({"learn": 1}, "at least two"),
    ({"budget": "none"}, "budget 'none'"),
    ({"tick_s": 0}, "tick_s must be positive"),
    ({"kind": "real", "n": [1.0, 1.0, 1.0]}, "n is for shares"),
    ({"n": [1.0, -1.0, 1.0]}, "n -1.0 in row 1"),
    ({"services": 0}, "max_services"),
    ({"times_s": [0.0, 1.0, 1e12], "tick_s": 1}, "too many"),
]


@pytest.mark.parametrize(("changed", "message"), BAD)
def test_bad_arguments_are_named(changed: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"times_s": [0.0, 1.0, 2.0], "values": [0.0, 1.0, 0.0], "kind": "flag"}
    with pytest.raises(ValueError, match=re.escape(message)):
        list(watch(**(arguments | changed)))
