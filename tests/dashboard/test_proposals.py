from __future__ import annotations

from typing import Any

import pytest

from alerts.baselines.proposal import LearnedBaseline
from dashboard.palette import DARK, LIGHT, Palette
from dashboard.views.baselines import level_chart as charts
from dashboard.views.baselines import proposals
from dashboard.views.baselines.proposals import Counted
from tests.dashboard.test_charts import layers, rows_of


def level(
    service: str = "bot", score: str = "refusal", value: float | None = 0.021, **facts: Any
) -> LearnedBaseline:
    row: dict[str, Any] = {"tenant": "default", "lineage": "live", "environment": "", "service": service}
    row |= {"unit": "interaction", "score": score, "generation": 1, "slice": "all", "kind": "flag"}
    row |= {"state": "watching", "version": "v1", "origin": "learned", "level": value, "n": 9_000}
    row |= {"low": None if value is None else 0.9 * value, "high": None if value is None else 1.1 * value}
    row |= {"examples": 189, "limit": None, "verdict": "proposed", "accepted_by": "", "accepted_reason": ""}
    row |= {"detectable_1h": None, "detectable_1d": 0.007, "detectable_7d": None, "detectable_unit": "rate"}
    return LearnedBaseline(**(row | facts))


def test_a_level_in_words() -> None:
    others = [level("a", value=0.011), level("b", value=0.013), level("c", value=0.015)]
    (row,) = proposals.rows([level(limit=0.03, verdict="within limit"), *others], "bot")
    assert row.title == "Refusal"
    assert (row.level, row.limit, row.examples) == ("2.1\u202f% 1.9–2.3", "3.0\u202f%", "189 of 9,000")
    assert row.gap == "+0.80\u202fpp · 3"
    assert row.verdict.label == "✓ Within limit"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ("◇ Proposed", "")),
        ({"verdict": "beyond limit", "limit": 0.01}, ("▲ Beyond limit", "")),
        (
            {"verdict": "accepted", "accepted_by": "Ada", "accepted_reason": "agreed"},
            ("✓ Accepted", "Ada: agreed"),
        ),
        ({"verdict": "something new"}, ("◇ Proposed", "")),  # never green without a reason
    ],
)
def test_what_is_said_to_a_level(facts: dict[str, Any], said: tuple[str, str]) -> None:
    (row,) = proposals.rows([level(**facts)])
    assert (row.verdict.label, row.said) == said


def test_the_most_urgent_come_first_and_then_the_taxonomy() -> None:
    found = [
        level(score="truncated", verdict="accepted"),
        level(score="pii"),
        level(score="secrets"),
        level(score="error", verdict="beyond limit"),
        level(score="my_plugin"),
    ]
    assert [r.of.score for r in proposals.rows(found)] == [
        "error",
        "secrets",
        "pii",
        "my_plugin",
        "truncated",
    ]
    assert proposals.counted(found) == Counted(1, 3, 0, 1)
    assert [r.of.score for r in proposals.rows(found, verdict="accepted")] == ["truncated"]
    assert proposals.rows(found, service="other") == []


def test_numbers_have_their_unit_and_what_is_not_known_is_a_dash() -> None:
    slow = level(score="latency_s", kind="positive", value=2.1, examples=None, detectable_unit="s")
    fast = level("fast", "latency_s", 1.3, kind="positive", examples=None)
    row = next(r for r in proposals.rows([slow, fast]) if r.service == "bot")
    assert (row.level, row.examples, row.gap) == ("2.10\u202fs (1.89–2.31)", "9,000", "+0.80\u202fs · 1")
    (bare,) = proposals.rows([level(value=None)])
    assert (bare.level, bare.gap, bare.limit) == ("–", "–", "–")


@pytest.mark.parametrize("mode", [LIGHT, DARK])
def test_services_stand_on_one_scale_with_their_limits(mode: Palette) -> None:
    found = proposals.compared(
        [
            level("a"),
            level("<b>x</b>", value=0.06, limit=0.02, verdict="beyond limit"),
            level("c", value=None),
        ],
        "refusal",
    )
    drawn = charts.by_service(found, proposals.measure_of(found[0]), mode)
    spec = drawn.chart.to_dict()
    (points,), (limits,) = layers(spec, "circle"), layers(spec, "tick")
    assert [(r["service"], r["beyond"]) for r in rows_of(spec, points)] == [("<b>x</b>", True), ("a", False)]
    assert points["encoding"]["x"]["scale"]["domain"][0] == 0
    assert [r["limit"] for r in rows_of(spec, limits)] == [0.02]
    assert drawn.alt.startswith("Refusals in 2 services: highest in <b>x</b> with 6.0")
    assert "1 beyond their limit" in drawn.alt
