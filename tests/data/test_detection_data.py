"""Refusals that people labelled: two models' answers to the same prompts, drawn with our own seeds."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.files.watch import watch
from detectors.finding import Finding
from tests.at_length import at_length

pytestmark = pytest.mark.data

START_S = 1_767_225_600.0
"""2026-01-01, 00:00 UTC."""
DAY_S = 86_400.0
TICK_S = 300
BEFORE, AFTER = "mistralinstruct", "llama2orig"
SEEDS = range(10)
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def refusals(data_dir: Path) -> dict[str, Floats]:
    """Human labels per model."""
    out: dict[str, list[float]] = {}
    with gzip.open(data_dir / "pool" / "xstest_completions.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            labels = json.loads(line)["labels"]
            if labels.get("refusal") is not None:
                out.setdefault(labels["model"], []).append(float(labels["refusal"]))
    return {model: np.array(values) for model, values in out.items()}


def _times(rng: np.random.Generator, count: int, first_day: float, days: float) -> Floats:
    return np.sort(START_S + DAY_S * (first_day + rng.uniform(0, days, count)))


def _swap(refusals: dict[str, Floats], seed: int) -> list[Finding]:
    """Fourteen days of one model, then seven of the other; the first ten days are learned."""
    rng = np.random.default_rng([seed, 1])
    times = np.concatenate([_times(rng, 4_000, 0, 14), _times(rng, 2_000, 14, 7)])
    values = np.concatenate([rng.choice(refusals[BEFORE], 4_000), rng.choice(refusals[AFTER], 2_000)])
    return list(watch(times, values, kind="flag", tick_s=TICK_S, learn="10d", budget="1/month"))


@pytest.mark.parametrize("seed", at_length(SEEDS, 3))
def test_a_swapped_model_is_one_rise_dated_within_hours(refusals: dict[str, Floats], seed: int) -> None:
    findings = _swap(refusals, seed)
    assert [f.direction for f in findings] == ["rise"]
    rise = findings[0]
    change_s = START_S + 14 * DAY_S
    assert rise.onset_low is not None
    assert rise.onset_high is not None
    assert rise.onset_low.timestamp() - TICK_S <= change_s <= rise.onset_high.timestamp() + TICK_S
    assert 0 < rise.made_at.timestamp() - change_s < 6 * 3_600


@pytest.mark.long
def test_intervals_hold_the_true_difference(refusals: dict[str, Floats]) -> None:
    """At 95 %, one of twenty may miss; more than two of twenty would be another interval."""
    true = float(refusals[AFTER].mean() - refusals[BEFORE].mean())
    held = []
    for seed in range(20):
        rise = _swap(refusals, seed)[0]
        assert rise.effect_low is not None
        assert rise.effect_high is not None
        held.append(rise.effect_low <= true <= rise.effect_high)
    assert sum(held) >= 18


@pytest.mark.parametrize("model", [BEFORE, AFTER])
@pytest.mark.parametrize("seed", at_length(SEEDS, 3))
def test_one_model_is_silent(refusals: dict[str, Floats], model: str, seed: int) -> None:
    rng = np.random.default_rng([seed, 2])
    times = _times(rng, 6_000, 0, 21)
    values = rng.choice(refusals[model], 6_000)
    assert list(watch(times, values, kind="flag", tick_s=TICK_S, learn="14d", budget="1/month")) == []
