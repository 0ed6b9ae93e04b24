"""What the budget's account says, from invented rows."""

from __future__ import annotations

import pytest

from alerts.grants import grants_of
from alerts.spending import Watched, report, show
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
        grants_of(Settings(), SERVICES),
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
