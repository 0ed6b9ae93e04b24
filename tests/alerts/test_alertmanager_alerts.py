"""Alerts for an Alertmanager: what they are known by, what they say, and when they begin and end."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.incidents.codec import incident_from_json, incident_to_dict
from alerts.notify.alertmanager import MAX_DESCRIPTION, alert, annotations_of
from alerts.notify.protocol import Delivery
from alerts.state.incident_state import IncidentState
from detectors.finding import rfc3339
from tests.alerts.deliveries import delivery, delivery_of, incident_of
from tests.alerts.invented import DAY, TIMING, lengths, overall, refusals

names = st.text(min_size=1, max_size=400)


def test_an_alert_is_known_by_what_never_changes() -> None:
    before = delivery(lengths())
    after = delivery(lengths(), refusals(), overall())
    assert (before.brief.what.score, after.brief.what.score) == ("output_length", "refusal")
    assert labels(before) == labels(after)
    assert labels(before) == {
        "alertname": "LightshipIncident",
        "incident_id": before.incident_id,
        "severity": "page",
        "score": "output_length",
        "alert_kind": "drift",
        "service": "support-assistant",
        "environment": "production",
        "tenant": "default",
        "lineage": "live",
    }


def labels(sent: Delivery) -> dict[str, str]:
    made: dict[str, str] = alert(sent, "page", "a", "b")["labels"]
    return made


def test_an_incident_that_was_notified_before_score_and_kind_were_labels_never_gets_them() -> None:
    stored = incident_to_dict(incident_of(lengths()))
    del stored["exact"]["first_about"]  # as it was written then
    book = IncidentState(TIMING, [incident_from_json(json.dumps(stored))])
    book.apply(refusals())  # which raises it: people are notified again
    (incident,) = book.all()
    assert incident.severity == incident.heard == "page"
    assert not {"score", "alert_kind"} & set(labels(delivery_of(incident, "raised", 3)))


def test_an_environment_that_is_not_given_is_no_label() -> None:
    assert "environment" not in labels(delivery(refusals(environment=None)))


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
