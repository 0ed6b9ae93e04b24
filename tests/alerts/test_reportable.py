"""Clocks of duties to report: data, arithmetic, and the page that says the same."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from alerts.briefs.reportable import NOT_ADVICE, clocks, deadlines, show
from alerts.briefs.runbook import name_of
from detectors.finding import parse_rfc3339, rfc3339
from tests.alerts.invented import refusals

PAGE = (Path(__file__).parents[2] / "docs" / "safety.md").read_text(encoding="utf-8")
AWARE = datetime(2026, 11, 28, 14, 20, tzinfo=UTC)


@given(st.integers(0, 1000))
def test_every_clock_runs_out_once_its_hours_are_over(hours: int) -> None:
    found = deadlines(AWARE, AWARE + timedelta(hours=hours))
    assert [row["hours"] for row in found] == sorted(row["hours"] for row in found)
    for row in found:
        assert parse_rfc3339(row["until"]) - AWARE == timedelta(hours=row["hours"])
        assert row["hours_left"] == row["hours"] - hours
    text = show({"incident_id": "i", "aware": rfc3339(AWARE), "deadlines": found})
    assert text.count("has run out") == sum(row["hours"] <= hours for row in found)
    assert text.endswith(NOT_ADVICE)


def test_the_page_has_every_clock_and_scores_that_exist() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:1] == "|"
    ]
    listed = {(int(row[0]), row[1], row[2]) for row in rows if row[0].isdigit()}
    assert listed == {(clock.hours, clock.law, clock.of) for clock in clocks()}
    assert {clock.hours for clock in clocks()} == {48, 72, 240, 360}
    kinds = [row for row in rows if row[0] in ("leak", "jailbreak wave", "harmful output")]
    scores = [score for row in kinds for score in re.findall(r"`(\w+)`", row[1])]
    assert len(scores) >= 9
    assert [s for s in scores if name_of(refusals(score=s)) == "drift"] == []


def test_templates_hold_places_to_fill_and_nothing_that_is_claimed() -> None:
    templates = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert len(templates) == 3
    assert all(template.count("<") == template.count(">") > 5 for template in templates)
    assert not re.search(r"\b(compliant|complies|ensures compliance)\b", PAGE)
