"""Judgements as scores: names, the grid of any number, and a watch that was told neither."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.change.level import level
from detectors.counts.aggregate import Aggregate
from detectors.finding import ALL
from detectors.grid import SignedLogGrid
from detectors.observation import OTHER, Column, Observation, SourcePosition, column_of
from detectors.scorers import SPECS
from detectors.scorers.judgement import (
    GRID,
    LABEL,
    MAX_NAME,
    MAX_NAMES,
    NUMBER,
    bounded,
    score_of,
    shown_name,
)
from tests.detectors.traffic import KEY

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE)
def test_any_number_has_a_cell_that_stands_for_it(value: float) -> None:
    cell = GRID.cell(value)
    assert 0 <= cell < GRID.cells
    assert GRID.cell(GRID.value(cell)) == cell
    if 2.0**-23 < abs(value) < 2.0**23:
        assert math.isclose(GRID.value(cell), value, rel_tol=0.0101)


@given(FINITE, FINITE)
def test_cells_rise_with_the_value(a: float, b: float) -> None:
    assert (GRID.cell(a) <= GRID.cell(b)) == (a <= b) or GRID.cell(a) == GRID.cell(b)


@given(st.integers(0, GRID.cells - 1))
def test_every_cell_is_the_cell_of_its_value_and_mirrors_the_other_side(cell: int) -> None:
    value = GRID.value(cell)
    assert GRID.cell(value) == cell
    assert GRID.value(GRID.cells - 1 - cell) == -value


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 2.0, 4.0, 0.5, 0.25, -0.0])
def test_what_judges_mostly_say_is_counted_exactly(value: float) -> None:
    assert GRID.value(GRID.cell(value)) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_has_no_cell(value: float) -> None:
    with pytest.raises(ValueError, match=str(value)):
        GRID.cell(value)


def test_a_grid_needs_cells() -> None:
    with pytest.raises(ValueError, match="0"):
        SignedLogGrid(steps=0)


@given(st.text(max_size=400))
def test_names_are_one_bounded_visible_line(name: str) -> None:
    shown = shown_name(name)
    assert 0 < len(shown) <= MAX_NAME
    assert shown == shown_name(shown)
    assert shown.isprintable()


def test_numbers_and_labels_are_scores_of_their_own() -> None:
    assert score_of("fit", 0.5, "good") == ("judgement:fit", 0.5)
    assert score_of("fit", None, "good") == ("judgement_label:fit", "good")
    assert score_of(None, 1.0, None) == ("judgement:other", 1.0)
    assert score_of("fit", None, None) is None
    assert SPECS["judgement:fit"].grid is GRID
    assert SPECS["judgement_label:fit"].kind == "category"
    assert {SPECS[n].severity for n in ("judgement:fit", "judgement_label:fit")} == {"ticket"}
    assert "judgement:fit" not in list(SPECS)
    assert SPECS.get("no such score") is None


def test_names_past_the_bound_are_one() -> None:
    taken = {f"{NUMBER}{n}": None for n in range(MAX_NAMES)}
    assert bounded(f"{NUMBER}3", taken) == f"{NUMBER}3"
    assert bounded(f"{NUMBER}new", taken) == NUMBER + OTHER
    assert bounded(f"{LABEL}new", taken) == f"{LABEL}new"
    assert bounded("refusal", taken) == "refusal"


def message(rows: list[tuple[int, str, float]], offset: int) -> Observation:
    """Judgements (minute, name, value) as one message."""
    names = dict.fromkeys(name for _, name, _ in rows)
    return Observation(
        KEY,
        SourcePosition("otlp_logs", 0, offset),
        "interaction",
        tuple(minute for minute, _, _ in rows),
        {"language": column_of(["en"] * len(rows))},
        {
            NUMBER + name: Column((), tuple(GRID.cell(v) if n == name else -1 for _, n, v in rows))
            for name in names
        },
        dict.fromkeys((NUMBER + name for name in names), 1),
    )


def test_a_service_has_as_many_names_as_it_used_first() -> None:
    fold = Aggregate(SPECS, 300, 20)
    for n in range(50):
        fold.add(message([(0, f"n{n}", 1.0)], n), 0)
    again = Aggregate(SPECS, 300, 20)
    again.restore(fold.state())
    for n in range(50):
        again.add(message([(5, f"n{n}", 1.0)], 50 + n), 0)
    names = again.names()
    for counts in again.advance(10):
        by_score = {
            names[s].score: c
            for s, c in zip(counts.series, counts.counts, strict=True)
            if names[s].slice == ALL
        }
        assert len(by_score) == MAX_NAMES + 1
        assert by_score[NUMBER + OTHER] == 50 - MAX_NAMES


def test_the_level_of_yes_and_no_is_a_rate_and_of_anything_else_a_median() -> None:
    spec = SPECS["judgement:thumbs"]
    yes_no = level(spec, np.array([GRID.cell(0), GRID.cell(1)]), np.array([30, 70]))
    assert yes_no.value == 0.7
    rated = level(spec, np.array([GRID.cell(1), GRID.cell(4)]), np.array([30, 70]))
    assert rated.value == 4.0
