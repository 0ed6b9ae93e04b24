"""Acknowledged at PagerDuty or in Slack: signatures, ages, repeats, what is not ours, and who is named."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from alerts.access.typed_text import TypedText
from alerts.api import link_pages
from alerts.api.inbound import MAX_BODY, Inbound, Secrets
from alerts.briefs.brief import Act
from alerts.inbound.acknowledgements import BUTTON
from alerts.links.signed import LASTS_S, Link, acts, sign
from alerts.notify.slack import render
from alerts.state.ports import Message, Source
from detectors.finding import rfc3339
from infra.clock import NS_PER_S, Clock, to_datetime, to_ns
from infra.settings import Settings
from tests.alerts.deliveries import delivery
from tests.alerts.invented import at, refusals
from tests.alerts.test_api import Bench
from tests.alerts.test_signed_links import HOSTS, KEY

SECRET, SIGNING = b"webhook secret", b"signing secret"


class Site(Bench):
    """The endpoints over a desk in memory."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.answers: list[tuple[str, dict[str, Any]]] = []
        secrets = Secrets({("pagerduty", "pager"): SECRET, ("slack", "team"): SIGNING})
        inbound = Inbound(self.desk, lambda: secrets, KEY, TypedText.of(settings), self.clock, self.answer)
        pages = link_pages.build(self.desk, KEY, self.clock, HOSTS, inbound.routes())
        self.web = TestClient(pages, base_url=f"https://{HOSTS[0]}")
        self.one = self.incident()

    def answer(self, url: str, body: bytes, clock: Clock) -> None:
        assert clock is self.clock
        self.answers.append((url, json.loads(body)))

    @property
    def taken_by(self) -> str | None:
        found = self.desk.find(self.one.incident_id)
        assert found is not None
        return found.acknowledged_by

    def event(self, **changes: object) -> dict[str, Any]:
        """What PagerDuty sends."""
        return {
            "id": "01EVENT",
            "event_type": "incident.acknowledged",
            "resource_type": "incident",
            "occurred_at": rfc3339(to_datetime(self.clock.now_ns())),
            "agent": {"id": "PLH1HKV", "summary": "Ana Engineer", "type": "user_reference"},
            "client": {"name": "PagerDuty"},
            "data": {"id": "PGR0VU2", "type": "incident", "incident_key": self.one.incident_id},
            **changes,
        }

    def pagerduty(self, event: object, secret: bytes = SECRET, before: str = "", to: str = "pager") -> Any:
        body = json.dumps({"event": event}).encode()
        signature = f"{before}v1={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
        headers = {b"X-PagerDuty-Signature": signature.encode("latin-1")}
        return self.web.post(f"/act/pagerduty/{to}", content=body, headers=headers)

    def press(self, value: str = "", **changes: Any) -> dict[str, Any]:
        """What Slack sends when a button is pressed."""
        expires_s = self.clock.now_ns() // NS_PER_S + LASTS_S
        value = value or sign(Link(self.one.incident_id, "acknowledge", "team", expires_s), KEY)
        return {
            "type": "block_actions",
            "user": {"id": "U1", "username": "bo", "name": "bo", "team_id": "T1"},
            "trigger_id": "13345224609.738474920.8088930838d88f008e0",
            "response_url": "https://hooks.slack.com/actions/T1/1/x",
            "actions": [{"action_id": BUTTON, "type": "button", "value": value}],
            **changes,
        }

    def slack(self, payload: object, secret: bytes = SIGNING, off_s: int = 0, to: str = "team") -> Any:
        body = urlencode({"payload": json.dumps(payload)}).encode()
        time = str(self.clock.now_ns() // NS_PER_S + off_s)
        mac = hmac.new(secret, f"v0:{time}:".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-Slack-Signature": f"v0={mac}", "X-Slack-Request-Timestamp": time}
        return self.web.post(f"/act/slack/{to}", content=body, headers=headers)


@pytest.fixture
def site(tmp_path: Any) -> Site:
    return Site(Settings(home=tmp_path))


def test_who_acknowledges_at_pagerduty_has_it_here_and_keeps_it(site: Site) -> None:
    assert site.pagerduty(site.event()).status_code == 200
    assert site.taken_by == "pagerduty:Ana Engineer"
    other = site.event(id="02", agent={"id": "P2", "summary": "Bo", "type": "user_reference"})
    assert "already" in site.pagerduty(other).text
    assert site.taken_by == "pagerduty:Ana Engineer"


@pytest.mark.parametrize("before", ["", "v1=00,", "v0=zz, v1=é,"])
def test_one_of_several_signatures_is_enough(site: Site, before: str) -> None:
    assert site.pagerduty(site.event(), before=before).status_code == 200
    assert site.taken_by is not None


def test_what_is_not_signed_so_changes_nothing(site: Site) -> None:
    assert site.pagerduty(site.event(), secret=b"another").status_code == 401
    assert site.pagerduty(site.event(), to="team").status_code == 404
    assert site.web.post("/act/pagerduty/pager", json={"event": site.event()}).status_code == 401
    assert site.slack(site.press(), secret=b"another").status_code == 401
    assert site.slack(site.press(), to="pager").status_code == 404
    assert site.slack(site.press(), off_s=-301).status_code == 401
    assert site.slack(site.press(), off_s=301).status_code == 401
    assert site.web.post("/act/slack/team", content=b"x" * (MAX_BODY + 1)).status_code == 413
    assert site.web.get("/act/slack/team").status_code != 200
    assert site.taken_by is None


@pytest.mark.parametrize(
    "changes",
    [
        {"event_type": "incident.resolved"},
        {"agent": {"id": "P1", "summary": "Events API", "type": "inbound_integration_reference"}},
        {"agent": None},
        {"data": {"incident_key": "../../etc"}},
        {"data": {"incident_key": "0123456789abcdef"}},
        {"data": None},
        {"occurred_at": "yesterday"},
        {"occurred_at": "2026-03-01T00:00:00"},
        {"occurred_at": "2020-10-02T18:45:22.169Z"},
    ],
)
def test_what_is_nothing_of_ours_is_taken_and_changes_nothing(site: Site, changes: dict[str, Any]) -> None:
    assert site.pagerduty(site.event(**changes)).status_code == 200
    assert site.taken_by is None


@pytest.mark.parametrize("event", [[], "x", 3, {"agent": [], "data": 1}])
def test_odd_bodies_are_no_defects(site: Site, event: object) -> None:
    assert site.pagerduty(event).status_code == 200
    assert site.slack(event).status_code == 200
    assert site.slack({"type": "block_actions", "actions": [event]}).status_code == 200
    assert site.taken_by is None


def test_an_acknowledgement_of_before_it_came_back_is_none_of_it_now(site: Site) -> None:
    site.clock.ns = to_ns(at("05:30"))
    event = site.event()
    site.pagerduty(event)
    over = replace(refusals(), ended_at=at("05:40"), made_at=at("05:40"), status="confirmed")
    again = refusals("f9", made_at=at("06:30"), onset=at("06:25"), onset_low=at("06:20"))
    for k, finding in enumerate((over, again)):
        site.desk.apply([Message(Source("findings", 0, 10 + k), finding.to_json().encode())])
    site.clock.ns = to_ns(at("07:05"))
    assert site.taken_by is None
    assert site.pagerduty(event).status_code == 200  # the same, captured
    assert site.pagerduty({**event, "id": "tried again"}).status_code == 200
    assert site.taken_by is None
    site.pagerduty(site.event(id="03"))
    assert site.taken_by == "pagerduty:Ana Engineer"


def test_what_could_not_be_stored_acts_when_it_is_sent_again(site: Site) -> None:
    site.store.answers = False
    assert site.pagerduty(site.event()).status_code == 503
    site.store.answers = True
    assert site.pagerduty(site.event()).status_code == 200
    assert site.taken_by == "pagerduty:Ana Engineer"


def test_our_button_in_slack_acknowledges_in_the_name_of_who_pressed_it(site: Site) -> None:
    assert site.slack(site.press()).status_code == 200
    assert site.taken_by == "slack:bo"
    ((url, said),) = site.answers
    assert url == "https://hooks.slack.com/actions/T1/1/x"
    assert said["text"] == f"You have acknowledged incident {site.one.incident_id}."
    site.slack(site.press(user={"id": "U2", "username": "cy"}, trigger_id="2"))
    assert site.answers[1][1]["text"].startswith("Somebody has acknowledged")
    assert site.taken_by == "slack:bo"


def test_what_others_press_is_not_ours(site: Site) -> None:
    expires_s = site.clock.now_ns() // NS_PER_S + LASTS_S
    link = Link(site.one.incident_id, "acknowledge", "team", expires_s)
    values = (
        sign(link, KEY + b"x"),
        sign(Link(link.incident_id, "silence-8h", "team", expires_s), KEY),
        sign(Link(link.incident_id, "acknowledge", "another", expires_s), KEY),
        sign(Link(link.incident_id, "acknowledge", "team", 1), KEY),
        site.one.incident_id,
    )
    for value in values:
        assert site.slack(site.press(value)).status_code == 200
    other = {"action_id": "approve", "value": sign(link, KEY)}
    assert site.slack(site.press(actions=[other])).status_code == 200
    assert site.slack(site.press(type="view_submission")).status_code == 200
    assert (site.taken_by, site.answers) == (None, [])


def test_an_answer_goes_to_slack_alone(site: Site) -> None:
    for k, url in enumerate(("http://169.254.169.254/", "https://hooks.slack.com.example.org/", 7)):
        site.slack(site.press(response_url=url, trigger_id=str(k)))
    assert site.answers == []
    assert site.taken_by == "slack:bo"


def test_a_message_has_the_button_where_presses_are_answered(site: Site) -> None:
    base = "https://ops.example.org"
    one = delivery()
    links = acts(base, KEY, site.one.incident_id, "team", "support", site.clock.now_ns())
    brief = replace_acts(one.brief, links)
    plain, buttons = render(brief), render(brief, buttons=True)
    assert BUTTON not in json.dumps(plain)
    (button,) = [e for b in buttons["blocks"] if b["type"] == "actions" for e in b["elements"]]
    assert "Acknowledge>" not in json.dumps(buttons)
    assert "Silence for 1 h>" in json.dumps(buttons)
    site.slack(site.press(button["value"]))
    assert site.taken_by == "slack:bo"


def replace_acts(brief: Any, links: tuple[Act, ...]) -> Any:
    return replace(brief, do=replace(brief.do, acts=links))


def test_of_a_receiver_without_a_secret_there_is_nothing_there(site: Site) -> None:
    answer = site.web.post("/act/pagerduty/nobody", content=b"{}")
    assert (answer.status_code, answer.text) == (404, "no such receiver\n")
