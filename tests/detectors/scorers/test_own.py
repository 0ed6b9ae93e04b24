"""Scores of an operator's own: declarations, patterns, words, forms, functions."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import pytest

from detectors.grid import LogGrid
from detectors.record import Record
from detectors.scorers import SPECS
from detectors.scorers.custom.declared import declared_specs, spec_of, table_of
from detectors.scorers.custom.function import CustomFunction
from detectors.scorers.custom.json_form import JsonForm
from detectors.scorers.custom.text_match import TextMatch, pattern_of
from detectors.scorers.protocol import ScoreSpec
from infra.settings import CustomScoreSettings


def declared(name: str = "swears", **keys: Any) -> ScoreSpec:
    return spec_of(name, asdict(CustomScoreSettings(**keys)))


def test_a_table_declares_a_score() -> None:
    assert declared() == ScoreSpec("swears", "Swears", "flag", declared().grid, harmful=1)
    found = declared("depth_m", kind="positive", low=0.1, high=1e3, title="Depth", value_unit="m", harmful=-1)
    assert (found.grid, found.title, found.value_unit, found.harmful) == (LogGrid(0.1, 1e3), "Depth", "m", -1)
    paging = declared(severity="page", usual=0.02, generation=3)
    assert (paging.severity, paging.usual, paging.generation) == ("page", 0.02, 3)
    assert declared(kind="category").harmful == 0


@pytest.mark.parametrize(
    ("name", "keys", "says"),
    [
        ("Swears", {}, "no name of a score"),
        ("a" * 49, {}, "no name of a score"),
        ("judgement:mine", {}, "no name of a score"),
        ("refusal", {}, "built-in"),
        ("swears", {"severity": "page", "harmful": 0}, "may page"),
        ("swears", {"kind": "bounded", "usual": 0.1}, "usual is a rate"),
        ("swears", {"kind": "positive", "low": 5.0, "high": 1.0}, "low < high"),
        ("swears", {"kind": "positive", "low": 1e-9, "high": 1e9}, "twelve decades"),
    ],
)
def test_a_declaration_that_contradicts_itself_says_how(name: str, keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        declared(name, **keys)


@pytest.mark.parametrize("kind", ["flag", "bounded", "positive", "real", "category"])
def test_what_a_plug_in_declares_can_be_said_in_a_table(kind: str) -> None:
    spec = declared(kind=kind, harmful=0, generation=2, low=0.5, high=50.0)
    assert spec_of(spec.name, table_of(spec)) == spec
    with pytest.raises(ValueError, match="of interactions"):
        table_of(ScoreSpec("swears", "Swears", "flag", spec.grid or declared().grid, unit="trace"))


def test_what_cannot_be_declared_is_left_out_of_what_is_only_told() -> None:
    tables = {"swears": asdict(CustomScoreSettings()), "refusal": asdict(CustomScoreSettings())}
    plug_in = CustomFunction(declared("depth", kind="real"), lambda _: 1.0, "1")
    assert set(declared_specs(tables, [plug_in, lambda: plug_in, object()])) == {"swears", "depth"}
    assert "swears" not in SPECS


def found(scorer: TextMatch | JsonForm | CustomFunction, **sides: Any) -> float | str | None:
    return scorer.score([Record(**sides)])[0].get(scorer.name)


def test_a_pattern_is_looked_for_on_its_side() -> None:
    scorer = TextMatch(declared(), r"(?i)\bd[a4]mn\b", "output")
    assert found(scorer, output="Well, D4mn.") == 1
    assert found(scorer, output="The damnation of Faust", prompt="damn") == 0
    assert found(scorer, prompt="damn") is None
    asked = TextMatch(declared(), "refund", "prompt")
    assert (found(asked, prompt="A refund?"), found(asked, output="refund")) == (1, None)
    given = TextMatch(declared(), "secret", "context")
    assert (found(given, context=("a", "a secret")), found(given, context=("a",)), found(given)) == (
        1,
        0,
        None,
    )


def test_a_count() -> None:
    scorer = TextMatch(declared(kind="positive"), "!", "tool_result")
    assert found(scorer, tool_results=("no!", "no! no!")) == 3
    assert found(scorer, tool_results=("!" * 5000,)) == 1000


@pytest.mark.parametrize(
    ("pattern", "keys", "says"),
    [
        ("(", {}, "missing \\)"),
        ("(?=a)", {}, "cannot read"),
        ("a*", {}, "empty text"),
        ("a", {"kind": "bounded"}, "the kind is 'bounded'"),
    ],
)
def test_a_pattern_that_cannot_work_says_why(pattern: str, keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        TextMatch(declared(**keys), pattern, "output")


def test_keywords_are_whole_words_in_any_case() -> None:
    scorer = TextMatch(
        declared(), pattern_of(["Brightline", "free of  charge", "c++", "返金", "Ärger"]), "output"
    )
    for text in (
        "BRIGHTLINE is cheaper",
        "it is free of\ncharge.",
        "in C++ say",
        "全額返金します",
        "so ein ärger",
    ):
        assert found(scorer, output=text) == 1, text
    for text in ("Brightlines", "free of charges", "charge free", "c+ +"):
        assert found(scorer, output=text) == 0, text
    for keywords, says in (([" "], "empty keyword"), (["a"] * 2001, "at most")):
        with pytest.raises(ValueError, match=says):
            pattern_of(keywords)


FORM = {
    "type": "object",
    "required": ["berth"],
    "properties": {"berth": {"type": "integer", "description": "No."}},
}


def test_an_output_of_another_form_counts() -> None:
    scorer = JsonForm(declared(), FORM)
    for output in ('{"berth": 3}', 'Here:\n```json\n{"berth": 3}\n```'):
        assert found(scorer, output=output) == 0, output
    for output in ('{"berth": "3"}', "{}", "Berth 3.", '{"berth": 3', "```json"):
        assert found(scorer, output=output) == 1, output
    assert found(scorer, output=None) is None


def test_a_schema_with_words_that_are_not_read_is_refused() -> None:
    for schema, says in (
        ({"properties": {"a": {"anyOf": [{"pattern": "x"}]}}}, "'pattern' is not read"),
        ([], "is an object"),
    ):
        with pytest.raises(ValueError, match=says):
            JsonForm(declared(), schema)
    with pytest.raises(ValueError, match="makes a flag"):
        JsonForm(declared(kind="real"), FORM)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("flag", [True, False, 1, 0.0], [0.5, "yes", math.nan]),
        ("bounded", [0, 0.3, 1], [1.01, -0.1, "a", math.inf]),
        ("positive", [0, 3, 1e9], [-1, math.nan, []]),
        ("real", [-3.5, 0, 10**6], [math.inf, "3", {}]),
        ("category", ["blue", "x" * 100], ["", 3, True]),
    ],
)
def test_a_function_gives_values_of_its_kind_or_nothing(kind: str, good: list[Any], bad: list[Any]) -> None:
    spec = declared(kind=kind)
    for value in good:
        (scores,) = CustomFunction(spec, lambda _, value=value: value, "1").score([Record()])  # type: ignore[misc]
        assert scores == {"swears": value[:64] if isinstance(value, str) else float(value)}
    for value in bad:
        with pytest.raises(ValueError, match=r"swears|score cannot"):
            CustomFunction(spec, lambda _, value=value: value, "1").score([Record()])  # type: ignore[misc]
    assert CustomFunction(spec, lambda _: None, "1").score([Record()]) == [{}]


def test_versions_follow_what_is_measured() -> None:
    versions = {
        TextMatch(declared(), pattern, side).version
        for pattern, side in (("a", "output"), ("b", "output"), ("a", "prompt"))
    }
    versions |= {JsonForm(declared(), FORM).version, JsonForm(declared(), {"type": "array"}).version}
    assert len(versions) == 5
    assert (
        TextMatch(declared(), "a", "output").version == TextMatch(declared(title="T"), "a", "output").version
    )
