"""What the budget's account says, from invented rows."""

from __future__ import annotations

import pytest

from alerts.budget_allocation import allocations_of
from alerts.commands.budget_command import Watched, fast_shares, report, show, within_minutes
from detectors.observation import ServiceKey
from infra.settings import Settings

DAY = 86_400.0
SERVICES = [ServiceKey("default", "live", "production", name) for name in ("desk", "code")]


def test_expectation_counts_the_watched_time_inside_the_window_only() -> None:
    watched = [
        Watched("page", 1e-7, 0.0, 40 * DAY),  # thirty days of it lie in the window
        Watched("page", 1e-7, 25 * DAY, 40 * DAY),
        Watched("ticket", 1e-6, 10 * DAY, 20 * DAY),
    ]
    said = report(
        allocations_of(Settings(), SERVICES),
        Settings(),
        {"tenant": "default", "lineage": "live"},
        watched,
        {"page": (3, 1, 1)},
        (10 * DAY, 40 * DAY),
    )
    assert said["pages"]["expected"] == pytest.approx(1e-7 * 45 * DAY)
    assert said["tickets"]["expected"] == pytest.approx(1e-6 * 10 * DAY)
    assert said["pages"]["allowed"] == pytest.approx(1.0)
    assert said["tickets"]["allowed"] == pytest.approx(2.0 * 30 / 7)
    assert (said["pages"]["false"], said["pages"]["unjudged"]) == (1, 1)
    assert {s["service"] for s in said["services"]} == {"desk", "code", "*"}
    text = show(said)
    assert "called false 1, right 1, not judged 1" in text
    assert "desk (production)" in text
    assert "shared by services" in text
    assert "within minutes: 10% of each service's tickets, expected at most 0, for cost_usd, " in text


def test_the_fast_path_spends_its_part_for_each_score_over_all_traffic() -> None:
    settings = Settings()
    granted = allocations_of(settings, SERVICES)
    row = ("latency_s", "positive", 12.0, 9 * DAY, 2 * DAY, "desk", "production", "all")
    rows = [row, (*row[:7], "language=en"), ("prompt_length", *row[1:]), (*row[:5], "other", "", "all")]
    (one,) = within_minutes(settings, granted, rows)
    assert (one.severity, one.since_s, one.until_s) == ("ticket", 2 * DAY, 9 * DAY)
    parts = [part for severity, part in fast_shares(settings).values() if severity == "ticket"]
    assert sum(parts) == pytest.approx(0.1)
    week = granted[SERVICES[0]].tickets_per_week * parts[0]
    place = {"tenant": "default", "lineage": "live"}
    said = report(granted, settings, place, [], {}, (0.0, 10 * DAY), [one])
    assert said["within_minutes"]["tickets"]["expected"] == pytest.approx(week)
    assert said["tickets"]["expected"] == 0.0
