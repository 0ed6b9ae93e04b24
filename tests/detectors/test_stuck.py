"""A metric that stands still."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.files.stuck import LEAST_RUN, LONGER, StillWatch
from detectors.files.watch import watch


def test_a_run_is_told_once_with_its_beginning() -> None:
    still = StillWatch.learn(np.arange(10.0), 9)
    told = [still.step(10 + i, 9.0 if i < 3 else 5.0) for i in range(3 + 2 * LEAST_RUN)]
    assert [(10 + i, t) for i, t in enumerate(told) if t is not None] == [(12 + LEAST_RUN, 13)]


def test_a_run_that_began_while_learning_counts_from_its_beginning_in_length() -> None:
    still = StillWatch.learn(np.array([1.0, 3.0, 4.0, 2.0, 2.0]), 2)
    told = [still.step(3 + i, 2.0) for i in range(LEAST_RUN)]
    assert [i for i, t in enumerate(told) if t is not None] == [LEAST_RUN - 3]


@pytest.mark.parametrize("longest", [1, 20])
def test_what_rested_before_may_rest_longer(longest: int) -> None:
    still = StillWatch.learn(np.repeat(np.arange(20.0), longest), 0)
    assert still.limit == max(LEAST_RUN, LONGER * longest)


def test_a_stuck_sensor_is_a_finding_without_a_direction() -> None:
    rng = np.random.default_rng(1)
    values = np.round(20 + rng.standard_normal(1_500), 2)
    values[1_000:1_100] = 20.1
    times = 1_767_225_600.0 + 300.0 * np.arange(1_500)
    (one,) = watch(times, values, kind="real", learn=400)
    assert (one.alert_kind, one.severity, one.direction) == ("anomaly", "ticket", None)
    assert one.onset is not None
    assert one.onset.timestamp() == times[1_000]
    assert one.current_value == 20.1
    assert one.notes == (f"has been 20.1 without a change for {LEAST_RUN} ticks",)
