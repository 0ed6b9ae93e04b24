"""The oddest outputs of a day, ranked from scores and what they were before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from dashboard.commands.outliers_command import show_outliers
from dashboard.queries.outputs import Output
from dashboard.tables.outliers import ranked
from detectors.scorers import SPECS

NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)


def _outputs(seed: int, count: int) -> list[Output]:
    rng = np.random.default_rng(seed)
    return [
        Output(
            NOON + timedelta(seconds=i),
            f"{seed}:{i}",
            {
                "refusal": float(rng.random() < 0.05),
                "secrets": 0.0,
                "output_length": float(rng.lognormal(6, 0.5)),
            },
        )
        for i in range(count)
    ]


def _cells(rows: list[Output]) -> dict[str, dict[int, int]]:
    out: dict[str, dict[int, int]] = {}
    for row in rows:
        for name, value in row.scores.items():
            grid = SPECS[name].grid
            assert grid is not None
            cells = out.setdefault(name, {})
            cells[grid.cell(value)] = cells.get(grid.cell(value), 0) + 1
    return out


def test_what_nobody_saw_before_comes_first_with_its_reason() -> None:
    before, today = _outputs(1, 3_000), _outputs(2, 400)
    today[250] = Output(today[250].start, "leak", {"secrets": 1.0, "output_length": 60_000.0})
    found = ranked(today, before, _cells(before), SPECS)
    assert found[0].output.interaction_id == "leak"
    assert {name for name, _, _ in found[0].because} == {"secrets", "output_length"}
    assert found[0].p < 1e-3
    assert found[0].trees is not None
    assert found[0].trees <= 5
    assert [o.p for o in found] == sorted(o.p for o in found)
    assert len(found) == len(today)


def test_an_ordinary_day_has_no_discovery() -> None:
    before = _outputs(3, 3_000)
    assert min(o.q for o in ranked(_outputs(4, 400), before, _cells(before), SPECS)) > 0.05


def test_without_a_reference_nothing_is_odd() -> None:
    today = _outputs(5, 50)
    assert ranked(today, [], {}, SPECS) == []
    assert ranked(today, [], _cells(today), SPECS) == []
    assert ranked([], today, _cells(_outputs(6, 500)), SPECS) == []


def test_without_outputs_before_there_are_no_trees() -> None:
    before = _outputs(7, 500)
    assert ranked(_outputs(8, 5), [], _cells(before), SPECS)[0].trees is None


def test_a_table_says_why() -> None:
    odd = {
        "interaction": "a:b",
        "at": "2026-03-17T12:00:00Z",
        "p": 1e-6,
        "q": 0.01,
        "trees_rank": 1,
        "because": [{"score": "secrets", "value": 1.0, "p": 1e-6}],
    }
    report = {"service": "desk", "outputs": 10, "looked_at": 10, "outliers": [odd]}
    assert "secrets 1" in show_outliers(report)
    assert "nothing to rank" in show_outliers({**report, "outliers": []})
