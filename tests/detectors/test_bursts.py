"""Bursts that come and go are filed as tickets; what stays is not theirs, nor is chance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy import stats

from detectors.engine.dispersion import fit_flags
from detectors.scorers import SPECS as REGISTERED
from detectors.traffic.bursts import LONGEST, Bursts, Place, z_scores
from tests.detectors.traffic import DAY, SPECS, START, Row, World, config, watch

PLACE: Place = (3, 0)
CHANGE = START + 14 * DAY + 240


def close(bursts: Bursts, tick: int, z: float, n: float = 20.0) -> list[tuple[int, int, float]]:
    sides = np.array([n]), np.array([z * 4]), np.array([0.0])
    found = bursts.close(tick, [PLACE], np.array([z]), sides)
    return [(b.first, b.last, b.z) for _, b in found]


def learned() -> Bursts:
    bursts = Bursts(1e-8)
    bursts.farthest[PLACE] = 3.0
    return bursts


def test_a_short_burst_is_told_when_it_is_over() -> None:
    bursts = learned()
    said = [close(bursts, t, z) for t, z in enumerate([0.5, 7.0, 9.0, 4.0, 1.0, 0.0])]
    assert said == [[], [], [], [], [(1, 3, 9.0)], []]


def test_what_lasts_or_is_near_what_was_learned_is_not_told() -> None:
    bursts = learned()
    assert [close(bursts, t, 8.0) for t in range(LONGEST + 1)] + [close(bursts, 9, 0.0)] == [[]] * (
        LONGEST + 2
    )
    assert [close(bursts, 20 + t, z) for t, z in enumerate([5.0, 0.0, -5.0, 0.0])] == [[]] * 4
    bursts.farthest[PLACE] = 7.0
    assert [close(bursts, 30 + t, z) for t, z in enumerate([8.0, 0.0])] == [[], []]
    assert bursts.bound((4, 0)) == float("inf")


def test_ticks_without_events_end_nothing() -> None:
    bursts = learned()
    assert close(bursts, 1, 8.0) == []
    none = np.zeros(0)
    assert bursts.close(2, [], none, (none, none, none)) == []
    other = Bursts(1e-8)
    other.restore(bursts.state())
    assert close(other, 3, 0.0) == [(1, 1, 8.0)]


def test_z_of_a_rate_is_nearly_normal_in_its_tail() -> None:
    draw, n, p = np.random.default_rng(1), 200, 0.1
    count = np.full((576, 1), float(n))
    baseline = fit_flags(count, draw.binomial(n, p, (576, 1)).astype(float), 0, 300)
    hits = np.arange(20, 60).astype(float)
    row = np.zeros(len(hits), dtype=np.int64)
    z, expected = z_scores(baseline, row, np.full(len(hits), p), np.full(len(hits), float(n)), hits)
    exact = stats.norm.isf(stats.binom.sf(hits - 0.5, n, p))
    assert expected == pytest.approx(20)
    assert np.abs(z * np.sqrt(baseline.k0[0]) - exact)[1:].max() < 0.3


def test_a_burst_in_a_service_is_one_ticket_that_ends() -> None:
    def ten_minutes(row: Row, _: np.random.Generator) -> Row:
        """Shorter outputs: longer ones are told while they last."""
        shorter = 8 if CHANGE <= row.minute < CHANGE + 10 else 1
        return replace(
            row, scores={**row.scores, "output_length": float(row.scores["output_length"]) / shorter}
        )

    said, ended = watch(World(seed=4, per_day=3000, days=15, change=ten_minutes))[1]
    assert (said.alert_kind, said.severity, said.score, said.direction) == (
        "anomaly",
        "ticket",
        "output_length",
        "fall",
    )
    assert said.onset == datetime.fromtimestamp(CHANGE * 60, UTC)
    assert ended == replace(said, ended_at=ended.ended_at)
    assert ended.ended_at is not None


LENGTH = 500.0, 8.0
UNIT = 0.006, 60.0
"""What a score usually is, and how many times as much in ten minutes."""


def ten_minutes(score: str, usual: float, times: float) -> set[str]:
    """Scores of which a burst is found if one of them is much higher for ten minutes."""

    def high(row: Row, draw: np.random.Generator) -> Row:
        value = usual * float(np.exp(draw.normal(0, 0.3)))
        burst = times if CHANGE <= row.minute < CHANGE + 10 else 1
        return replace(row, scores={**row.scores, score: value * burst})

    settings = config(specs={**SPECS, score: replace(REGISTERED[score], generation=1)})
    return {f.score for f in watch(World(seed=4, per_day=3000, days=14.5, change=high), settings)[1]}


@pytest.mark.long
@pytest.mark.parametrize(
    ("asked", "answered", "usual"),
    [("toxicity", "toxicity_output", UNIT), ("prompt_length", "output_length", LENGTH)],
)
def test_unusual_prompts_of_ten_minutes_are_no_incident_of_the_service(
    asked: str, answered: str, usual: tuple[float, float]
) -> None:
    """They are one person's as a rule: each call of a conversation brings its prompt again.

    The higher of a prompt's and an answer's score is moved by prompts alone; answers have one of their own.
    """
    assert ten_minutes(asked, *usual) == set()
    assert ten_minutes(answered, *usual) == {answered}


@pytest.mark.long
def test_the_worst_tick_of_a_change_is_no_burst() -> None:
    def longer_and_once_much(row: Row, _: np.random.Generator) -> Row:
        if row.minute < CHANGE:
            return row
        once = 6 if CHANGE + 60 <= row.minute < CHANGE + 65 else 1
        length = float(row.scores["output_length"]) * 1.25 * once
        return replace(row, scores={**row.scores, "output_length": length})

    _, found = watch(World(seed=4, per_day=3000, days=14.6, change=longer_and_once_much))
    kinds = {(f.alert_kind, f.score) for f in found}
    assert kinds == {("drift", "output_length"), ("fast", "output_length")}, "told while it lasted"
