"""What every scorer keeps to, whatever it measures; a new one is tested by being in the registry."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from detectors.grid import FlagGrid
from detectors.record import Conversation, Record, Step, Trace
from detectors.scorers import CONVERSATION_SCORERS, SCORER_VERSIONS, SCORERS, SPECS, TRACE_SCORERS
from detectors.scorers.conformance import ODD_RECORDS, ODD_UNITS, STEEPEST, faults, steepness
from detectors.scorers.each import EachConversation, EachRecord, EachTrace
from detectors.scorers.memorised import Memorised
from detectors.scorers.protocol import KINDS, Scorer, Scores, ScoreSpec
from tests.at_length import at_length

_STEP = Step("tool", "search", '{"q":1}', 0, 10, error=False)
ODD_TRACES = (
    Trace((), 0, 0, {}),
    Trace((_STEP,) * 5, 10, 5, {}),
    Trace([replace(_STEP, arguments=None, name=None, error=True)] * 1_000, 0, 10**18, {"a": None}),
    Trace((Step("model", None, None, 0, 5, error=True), _STEP), 0, 2**63, {}),
    Trace(
        (Step("agent", "x", None, 0, 0, error=False), Step("other", "", "", -5, -9, error=False)), -9, 0, {}
    ),
)
ODD_CONVERSATIONS = (
    Conversation(0, 0, 0, ended_in_error=False, duration_s=-1.0),
    Conversation(1, 1, 1, ended_in_error=True, duration_s=0.0, input_tokens=0, repeats=0),
    Conversation(
        10**9, 10**12, 10**12, ended_in_error=True, duration_s=1e12, output_tokens=10**30, repeats=10**9
    ),
    Conversation(3, 7, 0, ended_in_error=False, duration_s=40.5, repeats=2, refusals=7, judged=7),
)
AnyScorer = Scorer | EachTrace | EachConversation
MEMORISED = Memorised(["The keeper lit the lamp an hour before dusk and wrote the height of the water down."])
"""Runs where documents are named; not in the registry's tuple."""
ALL: list[AnyScorer] = [*SCORERS, MEMORISED, *TRACE_SCORERS, *CONVERSATION_SCORERS]


def unit_of(scorer: AnyScorer) -> str:
    if isinstance(scorer, EachConversation):
        return "conversation"
    return "trace" if isinstance(scorer, EachTrace) else "interaction"


def items_of(scorer: AnyScorer) -> Sequence[Record] | Sequence[Trace] | Sequence[Conversation]:
    if isinstance(scorer, EachConversation):
        return ODD_CONVERSATIONS
    return ODD_TRACES if isinstance(scorer, EachTrace) else ODD_RECORDS


def scores_of(scorer: AnyScorer, items: Sequence[object]) -> list[Scores]:
    return scorer.score(items)  # type: ignore[arg-type]


def specs_by_name(scorer: AnyScorer) -> dict[str, ScoreSpec]:
    return {spec.name: spec for spec in scorer.specs}


@pytest.fixture(params=ALL, ids=[scorer.name for scorer in ALL])
def scorer(request: pytest.FixtureRequest) -> AnyScorer:
    found: AnyScorer = request.param
    return found


def test_one_mapping_per_item_with_declared_names_and_countable_values(scorer: AnyScorer) -> None:
    items = items_of(scorer)
    specs = specs_by_name(scorer)
    results = scores_of(scorer, items)
    assert len(results) == len(items)
    for scores in results:
        assert set(scores) <= set(specs)
        for name, value in scores.items():
            spec = specs[name]
            if spec.grid is None:
                assert isinstance(value, str)
                assert 0 < len(value) <= 64
                continue
            assert isinstance(value, float)
            assert math.isfinite(value)
            cell = spec.grid.cell(value)
            assert 0 <= cell < spec.grid.cells
            assert spec.kind != "flag" or value in (0.0, 1.0)
            assert spec.kind != "bounded" or 0 <= value <= 1


def test_no_items_no_scores(scorer: AnyScorer) -> None:
    assert scores_of(scorer, []) == []


def test_same_answer_twice_one_by_one_and_in_any_order(scorer: AnyScorer) -> None:
    items = list(items_of(scorer))
    results = scores_of(scorer, items)
    assert scores_of(scorer, items) == results
    assert [scores_of(scorer, [item])[0] for item in items] == results
    order = list(range(len(items)))
    random.Random(7).shuffle(order)
    assert scores_of(scorer, [items[i] for i in order]) == [results[i] for i in order]


def test_items_are_left_as_they_were(scorer: AnyScorer) -> None:
    items = items_of(scorer)
    before = repr(items)
    scores_of(scorer, items)
    assert repr(items) == before


@pytest.mark.parametrize("unit", at_length(ODD_UNITS, 3))
def test_time_is_linear_in_the_text(scorer: Scorer | EachTrace, unit: str) -> None:
    if not isinstance(scorer, EachTrace | EachConversation):
        assert steepness(scorer, unit, time.process_time_ns) < STEEPEST


def test_trace_scorers_are_linear_in_steps() -> None:
    def cost(n: int) -> float:
        trace = Trace([replace(_STEP, arguments=str(i)) for i in range(n)], 0, 1, {})
        best = math.inf
        for _ in range(3):
            started = time.process_time()
            for scorer in TRACE_SCORERS:
                scorer.score([trace])
            best = min(best, time.process_time() - started)
        return max(best, 2e-3)

    assert cost(40_000) / cost(5_000) < 28


def test_declarations_are_complete_and_unique() -> None:
    assert len({scorer.name for scorer in ALL}) == len(ALL)
    assert len(SPECS) == sum(len(scorer.specs) for scorer in ALL)
    assert set(SCORER_VERSIONS) == {scorer.name for scorer in ALL}
    for scorer in ALL:
        assert scorer.version
        for spec in scorer.specs:
            assert SPECS[spec.name] is spec
            assert spec.kind in KINDS
            assert spec.title
            assert spec.unit == unit_of(scorer)
            assert spec.harmful == 0 or spec.kind != "category"
            assert spec.severity == "ticket" or spec.harmful == 1  # nobody is woken by a neutral change


def spoil(record: Record) -> Scores:
    object.__setattr__(record, "prompt", "mine")
    return {}


BROKEN: dict[str, tuple[Callable[[Record], Any], str]] = {
    "raises": (lambda record: {"s": float(record.output > "a")}, "raises TypeError"),  # type: ignore[operator]
    "undeclared": (lambda _: {"t": 1.0}, "does not declare"),
    "no flag": (lambda _: {"s": 0.5}, "flag, 0 or 1"),
    "no number": (lambda _: {"s": "yes"}, "finite number"),
    "not finite": (lambda _: {"s": math.nan}, "finite number"),
    "chance": (lambda _: {"s": float(random.random() < 0.5)}, "other scores for the same record"),
    "changes": (spoil, "changes the records"),
}


@pytest.mark.parametrize("fault", at_length(BROKEN, 3))
def test_what_a_plug_in_does_wrong_is_said(fault: str) -> None:
    code = f"""
from detectors.scorers import conformance
from tests.conformance.test_scorers import BROKEN, FLAG
from detectors.scorers.each import EachRecord
function, says = BROKEN[{fault!r}]
(found, *_) = conformance.faults(EachRecord("s", "1", (FLAG,), function))
assert says in found, found
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr  # by itself: one of them spoils the records


FLAG = ScoreSpec("s", "S", "flag", FlagGrid())


def test_a_scorer_that_is_not_linear_is_told_so() -> None:
    spent = [0]

    def slow(record: Record) -> Scores:
        spent[0] += len(record.output or "") ** 2
        return {}

    assert faults(EachRecord("s", "1", (FLAG,), slow)) == []
    found = faults(EachRecord("s", "1", (FLAG,), slow), lambda: spent[0])
    assert found
    assert "must be linear" in found[0]
