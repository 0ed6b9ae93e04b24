from __future__ import annotations

import re
from datetime import timedelta

import pytest

from dashboard.estimates import taxonomy
from dashboard.measures import scores
from dashboard.measures.intervals import Interval
from dashboard.queries.trends import ScoreWeek, ValueWeek, WeekCount
from dashboard.tables import trend_rows
from detectors.scorers import SPECS
from tests.dashboard.made import NOW

MONDAY = trend_rows.monday(NOW)


def weeks(score: str, rates: list[float], n: int = 50_000, base: float | None = 0.002) -> list[ScoreWeek]:
    return [
        ScoreWeek(
            "interaction",
            score,
            WeekCount(MONDAY - timedelta(weeks=len(rates) - 1 - i), n, float(round(n * rate)), base),
        )
        for i, rate in enumerate(rates)
    ]


def test_rows_stand_in_the_taxonomys_order_and_only_what_was_measured() -> None:
    rows = trend_rows.table(taxonomy.categories(), weeks("error", [0.002]) + weeks("secrets", [0.002]))
    assert [row.category.id for row in rows] == ["secrets", "error"]


def test_a_week_without_a_score_is_few_not_zero() -> None:
    counts = weeks("error", [0.002, 0.002]) + weeks("secrets", [0.002])
    rows = {row.category.id: row for row in trend_rows.table(taxonomy.categories(), counts)}
    first, second = rows["secrets"].cells
    assert (first.n, first.few, second.few) == (0, True, False)
    assert [w.week for w in trend_rows.weeks_of(rows["secrets"])] == [MONDAY]


def test_sentences_name_what_moved_for_how_long_and_what_is_not_covered() -> None:
    counts = weeks("refusal", [0.002, 0.004, 0.005]) + weeks("error", [0.002, 0.002, 0.001])
    rows = trend_rows.table(taxonomy.categories(), counts)
    said = trend_rows.sentences(rows, taxonomy.categories(), partial=True)
    stressed = {s.stressed: s.rest for s in said if s.stressed}
    assert " for the second week: 50.0 per 10,000 outputs" in stressed["Refusal rose"]
    assert "baseline 20.0" in stressed["Failed call fell"]
    assert "50,000 outputs, and the week is not over" in said[-1].rest
    assert "secret in output" in said[-1].rest
    assert "refusal" not in said[-1].rest


def test_where_nothing_moved_the_first_sentence_says_so() -> None:
    rows = trend_rows.table(taxonomy.categories(), weeks("refusal", [0.002, 0.00201]))
    said = trend_rows.sentences(rows, taxonomy.categories(), partial=False)
    assert said[0].stressed == "No category left its baseline"


def test_panels_are_the_most_frequent_values() -> None:
    values = [
        ValueWeek(name, WeekCount(MONDAY, n, 1.0, None))
        for name, n in [("en", 900), ("de", 800), *((f"x{i}", 200 + i) for i in range(9)), ("few", 5)]
    ]
    found = trend_rows.panels(values)
    assert [name for name, _ in found][:3] == ["en", "de", "x8"]
    assert len(found) == trend_rows.PANELS
    assert "few" not in dict(found)
    assert trend_rows.languages(values)[:2] == ["en", "de"]


@pytest.mark.parametrize(
    ("interval", "baseline", "said"),
    [
        (Interval(0.1, 0.2), 0.05, "▲ above"),
        (Interval(0.1, 0.2), 0.3, "▼ below"),
        (Interval(0.1, 0.2), 0.15, "no clear change"),
        (Interval(0.1, 0.2), None, "no baseline yet"),
    ],
)
def test_verdicts(interval: Interval, baseline: float | None, said: str) -> None:
    assert trend_rows.verdict(interval, baseline) == said


def test_a_span_starts_on_a_monday_and_ends_now() -> None:
    span = trend_rows.span(NOW, 12, "support-bot")
    assert span.from_s == int((MONDAY - timedelta(weeks=11)).timestamp())
    assert NOW.timestamp() <= span.to_s <= NOW.timestamp() + 2
    assert MONDAY.weekday() == 0


def test_the_taxonomy_names_each_category_and_score_once() -> None:
    categories = taxonomy.categories()
    assert len({c.id for c in categories}) == len({c.title for c in categories}) == len(categories)
    named = [score for c in categories for score in c.scores]
    assert len(set(named)) == len(named)
    assert re.fullmatch(r"[1-9]\d*\.[1-9]\d*", taxonomy.version())
    titles = {c.id: c.frameworks for c in categories}
    assert titles["tool_loop"].startswith("LLM10 Unbounded Consumption · LLM06 Excessive Agency")
    assert all(titles.values())


def test_every_harmful_flag_of_an_output_is_in_the_taxonomy() -> None:
    named = {score for c in taxonomy.categories() for score in c.scores}
    harmful = {s.name for s in SPECS.values() if s.kind == "flag" and s.harmful and s.severity == "page"}
    assert harmful <= named


def test_flags_count_whole_and_scores_in_0_to_1_from_their_threshold() -> None:
    for category in taxonomy.categories():
        for score, cell in category.counted():
            spec = SPECS.get(score)
            assert spec is None or (cell == taxonomy.WHOLE) == (spec.kind == "flag")


def test_a_score_the_registry_does_not_know_is_shown_by_its_name() -> None:
    strange = scores.known("my_<b>score</b>", "positive")
    assert (strange.title, strange.kind, strange.pages) == ("My <b>score</b>", "positive", False)
    assert scores.known("").title == "Score"
