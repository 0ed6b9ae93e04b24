"""When a change is seen to be over: by the tick, and on the fast path by the minute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.change.recovery import LEAST_MINUTES, LEAST_TICKS, Recovery
from detectors.engine.baseline import FLAG
from detectors.fast.fast_unit import FastUnit
from detectors.observation import Column, Observation, ServiceKey, SourcePosition

TICK = Recovery.begin(FLAG, 0.01, 0.3, event_var=1.0, kappa=1.0, tick_s=300)


def steps(recovery: Recovery, n: float, hits: float, most: int = 1000) -> int | None:
    """How many steps like this one until it is over."""
    return next((i for i in range(1, most) if recovery.update(n, hits)), None)


@pytest.mark.parametrize(("n", "took"), [(600, LEAST_TICKS), (75, LEAST_TICKS), (5, 6)])
def test_no_tick_decides_alone_and_few_calls_take_longer(n: float, took: int) -> None:
    assert steps(replace(TICK), n, 0.01 * n) == took


@pytest.mark.parametrize(("n", "took"), [(1200, LEAST_MINUTES), (120, LEAST_MINUTES), (15, LEAST_MINUTES)])
def test_by_the_minute_five_agree(n: float, took: int) -> None:
    assert steps(TICK.by_minute((0.5, 0.7)), n, 0.01 * n) == took


def test_nothing_comes_and_nothing_ends() -> None:
    assert steps(TICK.by_minute((0.5, 0.7)), 0, 0) is None


def test_of_the_run_and_the_tick_the_larger_least_change_counts() -> None:
    assert TICK.by_minute((0.5, 0.7)).after == 0.5
    assert TICK.by_minute((0.2, 0.6)).after == TICK.by_minute(None).after == 0.3


@pytest.mark.parametrize("rate", [0.3, 0.2])
def test_what_goes_on_is_hardly_ever_taken_for_over(rate: float) -> None:
    rng = np.random.default_rng(7)
    ended = 0
    for _ in range(20):
        recovery = TICK.by_minute(None)
        hits = rng.binomial(30, rate, 10_080)  # minutes of a week
        ended += any(recovery.update(30, float(h)) for h in hits)
    assert ended <= 8  # once a month in expectation, at most


def observed(minute: int, hits: list[int], conversations: list[int]) -> Observation:
    return Observation(
        key=ServiceKey("default", "live", "prod", "desk"),
        source=SourcePosition("otlp_spans", 0, minute),
        unit="interaction",
        minutes=(minute,) * len(hits),
        dimensions={},
        scores={"refusal": Column((), tuple(hits))},
        generations={"refusal": 1},
        conversations=tuple(conversations),
    )


def test_a_conversation_that_goes_well_a_thousand_times_counts_a_few_times_and_every_hit_counts() -> None:
    unit = FastUnit("interaction", ("refusal",), 1e-6, 5)
    unit.observe(observed(100, [0] * 1000 + [1, 1, 1, 0], [7] * 1000 + [7, 8, 9, 9]), 20)
    unit.observe(observed(101, [0, 0], [0, 0]), 20)
    assert unit.by_minute("refusal", 20) == [(100, 9, 3), (101, 2, 0)]
    assert unit.by_minute("refusal", 21) == []
