"""Events for PagerDuty: one key an incident, and its limits."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notify.pagerduty import MAX_EVENT, MAX_SUMMARY, SEVERITIES, render
from detectors.finding import SEVERITIES as OURS
from tests.alerts.deliveries import delivery
from tests.alerts.invented import lengths, refusals


def event(*findings: Any, kind: str = "opened", seq: int = 2) -> Any:
    return json.loads(render(delivery(*findings, kind=kind, seq=seq), "invented-key"))


def test_an_incident_is_triggered_and_resolved_under_one_key() -> None:
    events = [
        event(kind=kind, seq=seq) for seq, kind in enumerate(("opened", "raised", "reopened", "resolved"), 2)
    ]
    assert len({e["dedup_key"] for e in events}) == 1
    assert [e["event_action"] for e in events] == ["trigger", "trigger", "trigger", "resolve"]
    assert all(e["routing_key"] == "invented-key" for e in events)
    assert "payload" not in events[-1]
    assert event(refusals("g", service="another"))["dedup_key"] != events[0]["dedup_key"]


def test_what_is_required_is_there() -> None:
    sent = event()
    payload = sent["payload"]
    assert payload["summary"].startswith("support-assistant: refusals")
    assert (payload["source"], payload["severity"], payload["class"]) == (
        "support-assistant",
        "critical",
        "drift",
    )
    assert payload["timestamp"] == "2026-03-17T04:20:00Z"
    assert payload["custom_details"]["State"] == "PAGE · firing"
    assert sent["client_url"] == sent["links"][0]["href"]
    assert event(lengths())["payload"]["severity"] == "warning"


def test_every_severity_has_one_there() -> None:
    assert set(SEVERITIES) == set(OURS)
    assert set(SEVERITIES.values()) <= {"critical", "error", "warning", "info"}


@pytest.mark.parametrize("longer", [0, 1])
def test_a_summary_is_cut_at_its_limit(longer: int) -> None:
    sent = delivery()
    brief = replace(sent.brief, headline="x" * (MAX_SUMMARY + longer))
    summary = json.loads(render(replace(sent, brief=brief), "k"))["payload"]["summary"]
    assert len(summary) == MAX_SUMMARY
    assert summary.endswith("…") == bool(longer)


def test_an_event_that_is_too_large_goes_without_details() -> None:
    sent = delivery()
    checks = ("y" * 300_000,) * 2
    large = render(replace(sent, brief=replace(sent.brief, do=replace(sent.brief.do, checks=checks))), "k")
    assert len(large) <= MAX_EVENT
    assert "custom_details" not in json.loads(large)["payload"]
    assert json.loads(large)["payload"]["summary"]


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_whatever_the_names_it_is_an_event(service: str, text: str) -> None:
    sent = event(refusals(service=service, slice=text, score=text, environment=text))
    assert 0 < len(sent["payload"]["summary"]) <= MAX_SUMMARY
    assert sent["payload"]["source"]
