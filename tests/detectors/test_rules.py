"""Rules: windows, least numbers, missing data, and every measure, by tables."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.counts.aggregate import UNSLICED
from detectors.grid import FlagGrid, LogGrid
from detectors.observation import SourcePosition
from detectors.rule_faults import DIMENSIONS, fault
from detectors.rule_picture import drawn
from detectors.rules import BREACH, NO_DATA, OK, Rule, TickSum, Window, decide, tick_sum
from detectors.scorers.protocol import ScoreSpec
from ingest.interaction import Interaction
from ingest.repository.interaction import StoredInteraction
from ingest.repository.observations import observed_interaction

TICK_S = 300
FLAG = FlagGrid()
LENGTH = LogGrid(1, 1e5)
HARM = ScoreSpec("refusal", "Refusals", "flag", FLAG, harmful=1)
SIZE = ScoreSpec("output_length", "Length", "positive", LENGTH)
NAME = ScoreSpec("finish_reason", "Finish", "category", None)


def rule(**changes: object) -> Rule:
    given_ = {"score": "refusal", "measure": "rate", "window_s": 900, "op": ">", "limit": 0.1, **changes}
    return Rule(**given_)  # type: ignore[arg-type]


def hits(tick: int, n: int, k: int) -> TickSum:
    return tick_sum(tick, [0, 1], [n - k, k], FLAG)


@pytest.mark.parametrize(
    ("ticks", "said"),
    [
        # (tick, values, hits): what each close says, window of three ticks, 20 values at least
        ([(1, 30, 0), (2, 30, 30), (3, 30, 0)], [OK, BREACH, BREACH]),
        ([(1, 30, 30), (2, 30, 0), (3, 30, 0), (4, 30, 0)], [BREACH, BREACH, BREACH, OK]),
        ([(1, 10, 10), (2, 9, 9), (3, 1, 1)], [NO_DATA, NO_DATA, BREACH]),  # the 20th value decides
        ([(1, 30, 30), (9, 30, 0)], [BREACH, OK]),  # ticks, not readings, make the window
        ([(1, 30, 30), (4, 19, 0)], [BREACH, NO_DATA]),
        ([(1, 30, 30), (3, 0, 0), (4, 0, 0)], [BREACH, BREACH, NO_DATA]),
        ([(1, 100, 10)], [OK]),  # the limit itself is fine
        ([(1, 100, 11)], [BREACH]),
    ],
)
def test_what_a_window_says(ticks: list[tuple[int, int, int]], said: list[str]) -> None:
    window = Window(rule(), TICK_S)
    assert [window.close(tick, hits(tick, n, k), FLAG).status for tick, n, k in ticks] == said


@pytest.mark.parametrize(
    ("changes", "value", "status"),
    [
        ({"measure": "rate", "limit": 0.2}, 0.25, BREACH),
        ({"measure": "mean", "limit": 0.3}, 0.25, OK),
        ({"measure": "sum", "limit": 10}, 20.0, BREACH),
        ({"measure": "count", "limit": 100}, 80.0, OK),
        ({"measure": "count", "limit": 100, "op": "<"}, 80.0, BREACH),
        ({"measure": "rate", "limit": 0.25, "op": "<"}, 0.25, OK),
        ({"measure": "quantile", "quantile": 0.75, "limit": 0.5}, 0.0, OK),
        ({"measure": "quantile", "quantile": 0.76, "limit": 0.5}, 1.0, BREACH),
    ],
)
def test_measures(changes: dict[str, object], value: float, status: str) -> None:
    verdict = decide(rule(**changes), [hits(1, 40, 10), hits(2, 40, 10)], FLAG)
    assert (verdict.status, verdict.n) == (status, 80)
    assert verdict.value == pytest.approx(value)


def test_nothing_seen_is_no_data_even_for_fewer_than() -> None:
    few = rule(measure="count", op="<", limit=5)
    assert decide(few, [], FLAG).status == NO_DATA
    assert decide(few, [hits(1, 4, 0)], FLAG).status == BREACH  # counts need no least number


@given(
    st.lists(st.floats(1, 9e4), min_size=20, max_size=200),
    st.floats(0.01, 0.99),
    st.integers(1, 3),
)
def test_a_quantile_is_that_of_the_values_to_within_a_cell(
    values: list[float], quantile: float, parts: int
) -> None:
    ticks = []
    for tick in range(parts):
        cells = sorted(LENGTH.cell(v) for v in values[tick::parts])
        kinds = sorted(set(cells))
        ticks.append(tick_sum(tick, kinds, [cells.count(c) for c in kinds], LENGTH))
    measured = rule(score="output_length", measure="quantile", quantile=quantile, least_n=1)
    found = decide(measured, ticks, LENGTH).value
    exact = np.quantile(values, quantile, method="inverted_cdf")
    assert found is not None
    assert found == pytest.approx(LENGTH.value(LENGTH.cell(float(exact))))


@pytest.mark.parametrize(
    ("changes", "spec", "words"),
    [
        ({}, HARM, None),
        ({"window_s": 450}, HARM, "multiple of detection.tick_s = 300"),
        ({"unit": "trace"}, HARM, "measured per interaction"),
        ({"measure": "rate"}, SIZE, "is for flags"),
        ({"measure": "mean"}, NAME, "only count"),
        ({"measure": "count"}, NAME, None),
        ({"measure": "quantile"}, SIZE, None),
        ({"measure": "quantile", "slice": "language=es"}, SIZE, "for all traffic"),
        ({"measure": "quantile", "by": "language"}, SIZE, "for all traffic"),
        ({"limit": 5}, HARM, "never fires: rate of refusal lies in 0 to 1"),
        ({"limit": 1.0}, HARM, "never fires"),
        ({"limit": 1.0, "op": ">="}, HARM, None),
        ({"limit": 0.0, "op": "<"}, HARM, "never fires"),
        ({"limit": 0.0, "op": ">="}, HARM, "always fires"),
        ({"limit": -1e15}, HARM, "limit is missing"),
        ({"measure": "count", "op": "<", "limit": 1}, HARM, "use measure = 'absent'"),
        ({"measure": "count", "op": "<", "limit": 10}, HARM, None),
        ({"measure": "sum", "op": "<", "limit": 0}, SIZE, "never fires"),
        ({"measure": "mean", "limit": 1e9}, SIZE, "never fires"),
        ({"slice": "language=*"}, HARM, "by = 'language'"),
        ({"slice": "lang=es"}, HARM, "did you mean 'language'"),
        ({"slice": "language=es,provider=x"}, HARM, "one dimension at a time"),
        ({"slice": "es"}, HARM, "none of all, dim=value"),
        ({"by": "colour"}, HARM, "no dimension"),
        ({"by": "language", "slice": "language=es"}, HARM, "take one of the two"),
        ({"measure": "absent", "window_s": 90}, HARM, "whole minutes"),
        ({"measure": "absent", "limit": 3}, HARM, "neither limit"),
        ({"measure": "absent", "limit": -1e15, "window_s": 420}, HARM, None),
    ],
)
def test_what_can_never_be_decided_is_said(
    changes: dict[str, object], spec: ScoreSpec, words: str | None
) -> None:
    found = fault(rule(score=spec.name, **changes), spec, TICK_S)
    assert (found is None) if words is None else (found is not None and words in found)


def test_the_dimensions_of_rules_are_those_that_stage_1_sends() -> None:
    at = SourcePosition("otlp_spans", 0, 0)
    record = StoredInteraction(Interaction("ab" * 16, "cd" * 8, 0, 1), at, 0, observed=True)
    sent = observed_interaction(record, at).dimensions
    assert set(DIMENSIONS) == set(sent) - UNSLICED


def test_a_rule_written_before_has_the_id_it_had_and_is_read() -> None:
    old = {**asdict(rule()), "services": []}
    for later in (
        "and_",
        "window",
        "time_zone",
        "compare",
        "together",
        "by",
        "for_s",
        "name",
        "owner",
        "runbook",
        "receivers",
    ):
        del old[later]
    assert Rule.of(old).rule_id == rule().rule_id == "8e260444498c8bde"
    assert Rule.of(old).to_dict() == old
    labelled = rule(name="Refusals", owner="search", runbook="https://r.example/1", receivers=("chat",))
    assert labelled.rule_id == rule().rule_id
    assert Rule.of(json.loads(json.dumps(labelled.to_dict()))) == labelled
    assert len({rule().rule_id, rule(by="language").rule_id, rule(for_s=300).rule_id}) == 3


def test_a_rule_is_known_by_what_it_says_and_not_by_what_it_deserves() -> None:
    assert rule().rule_id == rule(severity="page").rule_id
    assert rule().rule_id != rule(limit=0.2).rule_id
    assert rule().text() == "refusal: rate over 15 min > 0.1 (of at least 20)"
    assert rule(services=("support-*",)).is_for("support-bot")
    assert not rule(services=("support-*",)).is_for("billing-bot")


def test_a_picture_shows_what_is_furthest_out_and_where_it_fired() -> None:
    calm = [0.0, 0.0, None, 0.0]
    bars, marks = drawn([*calm, 0.5, 1.0], [4], 0.1, over=True)
    assert bars == "▁▁ ▁▅█  0 to 1, limit 0.1"
    assert marks == "    ^"
    long, spike = drawn([0.0] * 599 + [1.0] + [0.0] * 600, [599], 0.5, over=True)
    assert long[:60] == "▁" * 29 + "█" + "▁" * 30
    assert spike == " " * 29 + "^"
    assert drawn([0.0, 1.0], [], 0.5, over=False)[0].startswith("▁█")
    assert drawn([None, None], [], 0.5, over=True) == []
