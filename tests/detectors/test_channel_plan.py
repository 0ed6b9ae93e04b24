"""Channels of a series: which ones a baseline gives, and that a few attacks show in the far tail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from detectors.counts.channel_plan import plan
from detectors.grid import LogGrid, LogitGrid
from detectors.scorers.protocol import ScoreSpec
from tests.detectors.traffic import DAY, START, Row, World, config, watch

ATTACKS = ScoreSpec("attacks", "Attacks", "bounded", LogitGrid(), harmful=1)
LENGTH = ScoreSpec("length", "Length", "positive", LogGrid(low=1, high=1e8), harmful=1)
CHANGE = START + 14 * DAY


def _names(spec: ScoreSpec, n: int) -> dict[str, float]:
    assert spec.grid is not None
    draw = np.random.default_rng(1)
    values = draw.beta(0.6, 12, n) if spec.kind == "bounded" else np.exp(5 + draw.standard_normal(n))
    histogram = np.bincount([spec.grid.cell(v) for v in values], minlength=spec.grid.cells)
    return {c.name: c.sums(np.arange(len(histogram)), histogram)[1] / n for c in plan(spec, histogram)}


def test_a_score_of_harm_has_a_far_tail() -> None:
    shares = _names(ATTACKS, 20_000)
    assert list(shares) == ["location", "tail", "far"]
    assert 0.03 < shares["tail"] <= 0.05
    assert 0.0025 < shares["far"] <= 0.005


@pytest.mark.parametrize(
    ("spec", "n"),
    [
        (ATTACKS, 1_999),
        (replace(ATTACKS, harmful=0), 20_000),
        (replace(ATTACKS, harmful=-1), 20_000),
        (LENGTH, 20_000),
    ],
)
def test_no_far_tail_without_harm_or_where_few_values_tell_where_it_begins(spec: ScoreSpec, n: int) -> None:
    assert list(_names(spec, n)) == ["location", "tail"]


def test_no_far_tail_beyond_the_last_cell_or_where_the_tail_is_it() -> None:
    assert ATTACKS.grid is not None
    top = np.zeros(ATTACKS.grid.cells, dtype=np.int64)
    top[0], top[-1] = 9_000, 1_000
    lone = np.zeros(ATTACKS.grid.cells, dtype=np.int64)
    lone[5] = 10_000
    for histogram in (top, lone):
        assert "far" not in {c.name for c in plan(ATTACKS, histogram)}


def _scored(share: float) -> Callable[[Row, np.random.Generator], Row]:
    def change(row: Row, draw: np.random.Generator) -> Row:
        attacked = row.minute >= CHANGE and draw.random() < share
        value = draw.beta(8, 1) if attacked else draw.beta(0.6, 12)
        return replace(row, scores={"attacks": float(value)})

    return change


@pytest.mark.long
def test_two_attacks_in_a_hundred_are_found_in_days_and_none_raise_nothing() -> None:
    settings = replace(config(), specs={"attacks": ATTACKS})
    found, none = (
        watch(World(seed=1, per_day=300, days=21, change=_scored(share)), settings)[1] for share in (0.02, 0)
    )
    assert none == []
    assert {(f.score, f.slice, f.direction) for f in found} >= {("attacks", "all", "rise")}
    (whole,) = [f for f in found if f.slice == "all"]
    assert whole.effect_unit == "rate"
    assert whole.effect_low is not None
    assert whole.effect_high is not None
    assert whole.effect_low <= 0.02 <= whole.effect_high
    assert whole.notes[0].startswith("share of values above 0.")
