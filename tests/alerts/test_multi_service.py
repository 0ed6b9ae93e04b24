"""A change in several services and what is found in each of them: one incident."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.briefs.brief import brief_of
from alerts.briefs.headline import headline
from alerts.briefs.render import render_text
from alerts.incidents.events import Acknowledge
from alerts.incidents.incident import Incident
from alerts.notify.route import router
from alerts.state.detector_controls import accepting
from alerts.state.incident_state import IncidentState
from detectors.finding import SEVERAL, Finding, SliceEffect
from infra.clock import to_ns
from infra.settings import ReceiverSettings, RouteSettings, Settings
from tests.alerts.invented import TIMING, at, lengths, overall, refusals, secret

FLEET = replace(
    overall("f9"),
    status="confirmed",
    service=SEVERAL,
    slice="request_model=m-1",
    slices=(SliceEffect("request_model=m-1", 1.0, 0.11),),
    cleared=(),
    services_hit=("support-assistant", "desk"),
    services_spared=("archive",),
)


def told(*findings: Finding) -> list[Incident]:
    book = IncidentState(TIMING)
    for finding in findings:
        book.apply(finding)
    return sorted(book, key=lambda i: (i.opened_ns, i.place.service))


@pytest.mark.parametrize(
    "child",
    [refusals(), overall(), lengths(service="desk"), refusals(service="not known to be hit")],
    ids=["slice", "whole", "another score of a service hit", "the same score of a service not named"],
)
def test_what_one_service_finds_of_it_joins_and_does_not_lead(child: Finding) -> None:
    (incident,) = told(FLEET, child)
    assert {f.finding_id for f in incident.findings} == {"f9", child.finding_id}
    assert (incident.primary_finding.finding_id, incident.spokesman.finding_id) == ("f9", "f9")
    assert incident.slice == "request_model=m-1"


def test_the_end_of_what_joined_finds_its_incident() -> None:
    child = refusals(status="confirmed")
    book = IncidentState(TIMING)
    for finding in (FLEET, child, replace(child, ended_at=at("06:00"))):
        book.apply(finding)
    (incident,) = book
    assert [f.ended_at for f in incident.findings] == [None, at("06:00")]
    assert incident.active


@pytest.mark.parametrize(
    "other",
    [
        refusals(service="archive"),
        lengths(service="another service"),
        secret(),
        refusals(environment="staging"),
        refusals(onset=at("08:00"), onset_low=at("07:55"), onset_high=at("08:05"), made_at=at("08:20")),
    ],
    ids=["spared", "another score elsewhere", "policy", "another environment", "another time"],
)
def test_what_has_another_cause_pages_by_itself(other: Finding) -> None:
    assert len(told(FLEET, other)) == 2


def test_a_wider_finding_ends_the_incidents_it_explains() -> None:
    later = replace(FLEET, made_at=FLEET.made_at + timedelta(minutes=30))
    one, several = told(refusals(), later)
    assert (one.state, one.ending) == ("resolved", "superseded")
    assert several.is_open
    assert several.place.service == SEVERAL
    assert {f.finding_id for f in several.findings} == {"f9", "f1"}


def test_what_was_taken_over_ends_and_is_accepted_where_it_is_now() -> None:
    book = IncidentState(TIMING)
    later = replace(FLEET, made_at=FLEET.made_at + timedelta(minutes=30))
    for finding in (refusals(status="confirmed"), later):
        book.apply(finding)
    (several,) = (i for i in book if i.is_open)
    asked = accepting(several, "kim", "the new model is stricter", TIMING.tick_s)
    assert {(r.key.service, r.body["finding_id"]) for r in asked} == {
        (SEVERAL, "f9"),
        ("support-assistant", "f1"),
    }
    book.apply(replace(refusals(status="confirmed"), ended_at=at("06:00")))
    book.apply(replace(later, ended_at=at("06:05")))
    assert not any(i.active for i in book if i.place.service == SEVERAL)


def test_what_a_person_has_taken_stays_open() -> None:
    book = IncidentState(TIMING)
    (opened,) = book.apply(refusals())
    book.act(opened.incident.incident_id, Acknowledge("kim"), to_ns(at("04:25")))
    book.apply(replace(FLEET, made_at=at("04:50")))
    assert [i.is_open for i in book] == [True, True]


def test_the_message_says_several_services_and_names_them() -> None:
    (incident,) = told(FLEET)
    assert headline(incident).startswith("several services: refusals 1.0")
    text = render_text(brief_of(incident))
    assert "hit: support-assistant, desk" in text
    assert "not hit: archive" in text


def test_the_people_of_every_service_hear_of_it_once() -> None:
    receivers = tuple(ReceiverSettings(name) for name in ("support", "desk", "claims", "archive"))
    routes = (
        RouteSettings("support", services=("support-*",)),
        RouteSettings("desk", services=("desk",)),
        RouteSettings("claims", services=("claims",)),
        RouteSettings("archive", services=("archive",)),
    )
    book = IncidentState(TIMING, route=router(Settings(receiver=receivers, route=routes)))
    findings = (FLEET, refusals(), refusals("f5", service="claims"), refusals("f6", service="claims"))
    rows = [r for f in findings for c in book.apply(f) for r in c.rows if r.notify]
    assert [r.receivers for r in rows] == [("support", "desk"), ("claims",)]
    (incident,) = book
    assert incident.told == ("support", "desk", "claims")
