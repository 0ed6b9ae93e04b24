"""Scorers are compared with what they gave to a frozen reference set when their generation began.

``python -m tests.conformance.test_generations`` prints how they agree; with ``--keep`` it stores what the
scorers of today give, for scores of a new generation and for those that still agree.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from detectors.record import Record, Redaction
from detectors.scorers import SCORER_VERSIONS, SCORERS, SPECS, score_records
from detectors.scorers.generations import AGREE, LEAST_RECORDS, Agreement, agrees, compare
from detectors.scorers.protocol import Scores

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
RECORDS, KEPT = FIXTURES / "scorer_reference.jsonl", FIXTURES / "scorer_reference.json"
NAMES = sorted(spec.name for scorer in SCORERS for spec in scorer.specs)


def records() -> list[Record]:
    lines = [json.loads(line) for line in RECORDS.read_text(encoding="utf-8").splitlines()]
    return [
        Record(**{**line, "redactions": tuple(Redaction(*r) for r in line["redactions"])}) for line in lines
    ]


def kept() -> dict[str, Any]:
    out: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return out


def rows(columns: dict[str, list[float | str | None]]) -> list[Scores]:
    n = len(records())
    return [{name: v for name, column in columns.items() if (v := column[i]) is not None} for i in range(n)]


@cache
def agreement() -> dict[str, Agreement]:
    return {a.score: a for a in compare(SPECS, rows(kept()["scores"]), score_records(records()))}


@pytest.mark.parametrize("name", NAMES)
def test_a_score_agrees_with_its_generation_or_has_a_new_one(name: str) -> None:
    known = kept()["generations"].get(name)
    assert known is not None, (
        "a new score: keep what it gives with python -m tests.conformance.test_generations --keep"
    )
    if known != SPECS[name].generation:
        pytest.fail("a new generation: keep what it gives, as above")
    found = agreement().get(name)
    if found is not None and found.one_generation is not None:
        assert found.one_generation, f"{found}: values are no longer comparable, raise the score's generation"


def test_agreement_is_of_cells_names_and_absences() -> None:
    length, refusal = SPECS["output_length"], SPECS["refusal"]
    assert length.grid is not None
    assert agrees(length, 400.0, length.grid.value(length.grid.cell(400.0) + 1))
    assert not agrees(length, 400.0, 500.0)
    assert not agrees(refusal, 0.0, 1.0)
    assert agrees(SPECS["language"], "es", "es")
    assert not agrees(SPECS["language"], "es", "pt")
    assert agrees(refusal, None, None)
    assert not agrees(refusal, 0.0, None)


@pytest.mark.parametrize(("changed", "one"), [(0, True), (2, True), (3, False), (200, False)])
def test_the_bound_is_one_in_a_hundred(changed: int, one: bool) -> None:
    old: list[Scores] = [{"refusal": 0.0}] * 200
    new: list[Scores] = [{"refusal": float(i < changed)} for i in range(200)]
    (found,) = compare(SPECS, old, new)
    assert (found.n, found.same, found.one_generation) == (200, 200 - changed, one)
    assert (changed <= (1 - AGREE) * 200 + 1e-9) == one
    (few,) = compare(SPECS, old[: LEAST_RECORDS - 1], new[: LEAST_RECORDS - 1])
    assert few.one_generation is None
    with pytest.raises(ValueError, match="cannot be compared"):
        compare(SPECS, old, new[:5])


def test_a_change_of_a_scorer_that_matters_is_seen_on_the_reference_set() -> None:
    today = score_records(records())
    shifted = score_records(
        [replace(r, output=r.output and r.output[: len(r.output) // 2]) for r in records()]
    )
    found = {a.score: a for a in compare(SPECS, today, shifted)}
    assert found["output_length"].one_generation is False
    assert found["latency_s"].one_generation is True


def keep() -> None:
    """Store what today's scorers give, but for scores that disagree within one generation."""
    old = kept() if KEPT.exists() else {"generations": {}, "scores": {}}
    before = agreement() if KEPT.exists() else {}
    today = score_records(records())
    for name in NAMES:
        found, same = before.get(name), old["generations"].get(name) == SPECS[name].generation
        if same and found is not None and found.one_generation is False:
            sys.exit(f"{found}: raise its generation first")
        if not same:
            old["scores"][name] = [s.get(name) for s in today]
            old["generations"][name] = SPECS[name].generation
    old["versions"] = dict(sorted(SCORER_VERSIONS.items()))
    KEPT.write_text(json.dumps(old, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    if "--keep" in sys.argv:
        keep()
    for one in agreement().values():
        sys.stdout.write(f"{one.score}: {one.same} of {one.n}, one generation: {one.one_generation}\n")
