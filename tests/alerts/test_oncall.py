"""How being on call was: who is counted, what counts as acted on, and how sure a share of few pages is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alerts.commands.incidents_command import show_fared
from alerts.incidents.identity import Place
from alerts.incidents.incident import FIRING, RESOLVED, Incident
from alerts.incidents.lifecycle import fresh
from alerts.incidents.oncall_health import health
from infra.clock import NS_PER_S, to_ns
from tests.alerts.invented import TIMING, at, refusals

NOW = to_ns(at("12:00"))
MIN = 60 * NS_PER_S


def page(number: int, **changes: Any) -> Incident:
    """A page that fired so many hours ago."""
    fired_ns = NOW - number * 60 * MIN
    known = {"incident_id": f"i{number}", "state": FIRING, "fired_ns": fired_ns, **changes}
    return replace(fresh(refusals(), TIMING), **known)


def taken(number: int, minutes: int, **changes: Any) -> Incident:
    fired_ns = NOW - number * 60 * MIN
    return page(number, acknowledged_by="ana", acknowledged_ns=fired_ns + minutes * MIN, **changes)


def of(*incidents: Incident, days: float = 7.0) -> dict[str, Any]:
    return health(incidents, "default", "live", days, NOW)


def test_pages_of_the_time_and_the_place_are_counted() -> None:
    elsewhere = Place("default", "demo-1", "production", "support-assistant")
    report = of(
        page(1),
        page(2, severity="ticket"),
        page(3, place=elsewhere),
        page(24 * 8),
        page(5, fired_ns=None),
        days=7,
    )
    assert (report["pages"], report["tickets"], report["pages_per_week"]) == (1, 1, 1.0)
    assert of(page(1), page(2), days=28)["pages_per_week"] == 0.5


@pytest.mark.parametrize(
    ("changes", "acted"),
    [
        ({}, False),
        ({"acknowledged_by": "ana"}, True),
        ({"held_by": "ana"}, True),
        ({"state": RESOLVED, "ending": "accepted"}, True),
        ({"state": RESOLVED, "ending": "false_alarm"}, True),
        ({"state": RESOLVED, "ending": "recovered"}, False),
    ],
)
def test_what_somebody_took_held_or_judged_was_acted_on(changes: dict[str, Any], acted: bool) -> None:
    report = of(page(1, **changes))
    assert report["acted_on"]["n"] == int(acted)
    assert report["waiting"] == (["i1"] if not acted and "state" not in changes else [])


def test_times_are_medians_of_those_that_have_them() -> None:
    resolved = {"state": RESOLVED, "ending": "recovered", "resolved_ns": NOW}
    report = of(taken(1, 2), taken(2, 4), taken(3, 9, **resolved), page(4))
    assert report["minutes_to_acknowledge"] == 4.0
    assert report["minutes_to_resolve"] == 180.0
    assert of(page(1))["minutes_to_acknowledge"] is None


def test_a_share_of_few_pages_is_not_sure_and_of_none_is_none() -> None:
    few, many = of(taken(1, 1)), of(*(taken(1, 1) for _ in range(50)))
    assert few["acted_on"]["share"] == many["acted_on"]["share"] == 1.0
    assert few["acted_on"]["low"] < 0.25
    assert many["acted_on"]["low"] > 0.9
    assert of()["acted_on"] == {"n": 0, "share": None, "low": None, "high": None}


def test_what_keeps_coming_back_is_named_the_worst_first() -> None:
    report = of(page(1, reopened=1), page(2, reopened=2), page(3, reopened=5))
    assert [f["incident_id"] for f in report["flapping"]] == ["i3", "i2"]


def test_it_is_said_in_words() -> None:
    ended = {"state": RESOLVED, "ending": "withdrawn", "resolved_ns": NOW}
    said = show_fared(of(taken(1, 2), page(2, reopened=3), page(3, **ended)))
    assert said.splitlines() == [
        "live: 3 pages a week (3 in 7 days), 0 tickets",
        "acted on: 1 of 3 pages, 33% (95 % interval 6% to 79%)",
        "false alarms: 1 of 3 pages, 33% (95 % interval 6% to 79%)",
        "acknowledged after 2 min (median)",
        "resolved after 180 min (median)",
        "not acknowledged: i2",
        "i2 came back 3 times",
    ]
    assert show_fared(of()) == "live: 0 pages a week (0 in 7 days), 0 tickets"
