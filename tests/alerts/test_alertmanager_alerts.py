"""Alerts for an Alertmanager: what they are known by, what they say, and when they begin and end."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.notify.alertmanager import MAX_DESCRIPTION, alert, annotations_of, labels_of
from detectors.finding import rfc3339
from tests.alerts.deliveries import delivery
from tests.alerts.invented import DAY, lengths, overall, refusals

names = st.text(min_size=1, max_size=400)


def test_an_alert_is_known_by_what_never_changes() -> None:
    before = delivery(refusals())
    after = delivery(refusals(current_value=0.9, evidence=99.0), lengths(), overall())
    assert before.brief.headline != after.brief.headline
    assert labels_of(before, "page") == labels_of(after, "page")
    assert set(labels_of(before, "page")) == {
        *("alertname", "incident_id", "severity", "service", "environment", "tenant", "lineage"),
    }


def test_an_environment_that_is_not_given_is_no_label() -> None:
    assert "environment" not in labels_of(delivery(refusals(environment=None)), "page")


def test_the_annotations_hold_the_brief() -> None:
    sent = delivery(refusals(), overall())
    said = annotations_of(sent.brief)
    assert said["summary"] == sent.brief.headline
    assert said["state"] == "PAGE · firing"
    assert said["onset"] == "2026-03-17T04:05:00Z"
    assert said["runbook"] == sent.brief.do.runbook
    assert said["dashboard"] == sent.brief.do.dashboard
    assert "Suspects: prompt version v18, new at" in said["description"]
    assert "Trust" not in said["description"]


times = st.integers(0, 3 * 86_400).map(lambda s: rfc3339(DAY + timedelta(seconds=s)))


@given(times, times)
def test_no_alert_ends_before_it_starts(starts: str, ends: str) -> None:
    made = alert(delivery(), "page", starts, ends)
    began, ended = (datetime.fromisoformat(made[key]) for key in ("startsAt", "endsAt"))
    assert ended - began >= timedelta(0)
    assert made["startsAt"] == starts


@given(names, names)
def test_whatever_the_names_every_value_says_something(service: str, text: str) -> None:
    made = alert(delivery(refusals(service=service, slice=text, environment=text)), "page", "a", "b")
    for values in (made["labels"], made["annotations"]):
        assert all(isinstance(v, str) and v.strip() for v in values.values())
    assert len(made["annotations"]["description"]) <= MAX_DESCRIPTION
