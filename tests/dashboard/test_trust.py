from __future__ import annotations

import math
from typing import Any

import pytest

from alerts.commands import budget_command as spent_by_command
from dashboard.palette import DARK, LIGHT, Palette
from dashboard.views.detectors import budget_chart, trust
from dashboard.views.detectors.detectors_query import Record, Watching
from dashboard.views.detectors.trust import BudgetUse, Ended
from detectors.finding import SEVERAL
from infra.settings import BudgetSettings, ScoreSettings, Settings
from tests.dashboard.made import NOW
from tests.dashboard.test_charts import layers, rows_of

DAY_S = 86_400.0
SETTINGS = Settings()


def watching(score: str = "refusal", state: str = "watching", **facts: Any) -> Watching:
    row: dict[str, Any] = {"service": "bot", "environment": "", "unit": "interaction", "score": score}
    row |= {"kind": "flag", "learning": 0, "watching": 3, "stale": 0, "accepted": 0, "state": state}
    row |= {"evidence": 2.3, "threshold": 12.2, "baseline_version": "v1", "n_baseline": 9_000}
    row |= {
        "detectable_1d": 0.007,
        "detectable_unit": "rate",
        "ready_at": None,
        "last_seen": NOW,
        "weight": 0.0,
    }
    return Watching(**(row | facts))


def record(score: str = "refusal", severity: str = "page", **facts: Any) -> Record:
    row: dict[str, Any] = {"service": "bot", "environment": "", "score": score, "severity": severity}
    counts = ("fired", "open", "false_alarm", "withdrawn", "accepted", "recovered", "superseded")
    return Record(**(row | dict.fromkeys(counts, 0) | {"newest": NOW} | facts))


def test_what_may_be_spent_is_what_the_command_says() -> None:
    weight = 5 * math.exp(-9.0) * 20 * DAY_S  # five series for twenty days
    pages, tickets = trust.budget_use(SETTINGS, [watching(weight=weight)], [], days=28)
    rows = [("refusal", "flag", 9.0, 28 * DAY_S, 8 * DAY_S)] * 5
    watched = [spent_by_command._watched(SETTINGS, row) for row in rows]
    told = spent_by_command.report({}, SETTINGS, {}, watched, {}, (0.0, 28 * DAY_S))
    assert pages.expected == pytest.approx(told["pages"]["expected"])
    assert pages.allowed == pytest.approx(told["pages"]["allowed"])
    assert tickets.allowed == pytest.approx(told["tickets"]["allowed"])
    assert tickets.expected == 0.0


def test_severities_are_those_of_the_settings() -> None:
    chosen = Settings(score={"refusal": ScoreSettings("ticket")})
    pages, tickets = trust.budget_use(chosen, [watching(weight=100.0)], [], days=7)
    assert pages.expected == 0.0
    assert tickets.expected == pytest.approx(100 / 300)


def test_what_ended_is_judged_false_or_right_and_the_rest_is_neither() -> None:
    sums = trust.ended(
        [record(fired=4, false_alarm=1, withdrawn=1, accepted=1, open=1), record(fired=2, superseded=2)]
    )
    assert sums == Ended(fired=6, false=2, right=1, open=1)
    assert sums.share is not None
    assert sums.share.low < 2 / 3 < sums.share.high
    assert Ended(3, 0, 0, 3).share is None


def spent(false: int, allowed: float = 1.0) -> BudgetUse:
    return BudgetUse("page", allowed, 0.4, Ended(false, false, 0, 0))


def test_the_budget_is_broken_when_chance_does_not_explain_what_came() -> None:
    assert spent(3).kept
    assert not spent(6).kept
    assert spent(6, allowed=4.0).kept


def test_services_have_their_share_and_what_is_shared_comes_last() -> None:
    registered = [("production", "b"), ("", "bot")]
    found = trust.shares(
        SETTINGS, ("default", "live"), registered, [watching()], [record(fired=2, false_alarm=1)]
    )
    assert [s.service for s in found[:2]] == ["b · production", "bot"]
    assert found[-1].service.startswith("shared by services")
    bot = next(s for s in found if s.service == "bot")
    assert (bot.pages.fired, bot.pages.false, bot.series) == (2, 1, 3)
    budget_ = BudgetSettings()
    assert sum(s.pages_per_month for s in found) < budget_.pages_per_month
    assert SEVERAL not in {s.service for s in found}


@pytest.mark.parametrize(
    ("facts", "records", "said"),
    [
        ({}, [], ("● Watching", "3 watching", "1/19,930", "±0.7\u202fpp", 0, "–")),
        (
            {"state": "learning", "watching": 0, "learning": 2, "evidence": None, "detectable_1d": None},
            [],
            ("○ Learning", "2 learning", "–", "–", 0, "–"),
        ),
        (
            {"evidence": -4.0},
            [record(fired=2)],
            ("● Watching", "3 watching", "none", "±0.7\u202fpp", 2, "not reviewed yet"),
        ),
        (
            {"state": "stale", "stale": 1, "watching": 2},
            [record(fired=2, withdrawn=1, recovered=1)],
            ("□ Stale", "2 watching, 1 stale", "1/19,930", "±0.7\u202fpp", 2, "1 of 2 false"),
        ),
    ],
)
def test_a_score_in_words(facts: dict[str, Any], records: list[Record], said: tuple[Any, ...]) -> None:
    (row,) = trust.rows([watching(**facts)], records)
    assert (row.standing.label, row.series, row.evidence, row.notices, row.fired, row.record) == said


def test_rows_of_one_state_alone() -> None:
    both = [watching(), watching("error", "learning")]
    assert [r.score for r in trust.rows(both, [], "learning")] == ["Errors"]
    assert trust.rows(both, [], "stale") == []


@pytest.mark.parametrize("mode", [LIGHT, DARK])
def test_budget_and_what_came_are_drawn_on_one_scale_from_zero(mode: Palette) -> None:
    drawn = budget_chart.budget_use([spent(6), BudgetUse("ticket", 8.0, 2.0, Ended(0, 0, 0, 0))], mode)
    spec = drawn.chart.to_dict()
    (bars,) = layers(spec, "bar")
    assert bars["encoding"]["x"]["scale"]["domain"][0] == 0
    assert [row["kept"] for row in rows_of(spec, bars)] == [False, True]
    assert drawn.alt.startswith("Budget pages: 6 false, 1 allowed, 0.40 expected at most; tickets: 0")
