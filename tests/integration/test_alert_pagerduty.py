"""PagerDuty through a loopback server: what is taken, tried again and given up, and who took an incident."""

from __future__ import annotations

import logging
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest

from alerts.notify.http_post import HttpPost
from alerts.notify.pagerduty import PagerDutyNotifier
from alerts.notify.pipeline import Pipeline
from alerts.notify.protocol import GAVE_UP, RETRY, SENT, Delivery
from infra.clock import SystemClock
from tests.alerts.deliveries import delivery
from tests.alerts.invented import refusals
from tests.alerts.memory import HandClock
from tests.alerts.test_pipeline import Log
from tests.loopback import Answer, Loopback, cut, half_open, refused, says

pytestmark = pytest.mark.integration

KEY = "invented0routing0key0000000000000"
ACCEPTED = says(202, {"status": "success", "message": "Event processed", "dedup_key": "invented"})


def notifier(url: str, read_s: float = 5.0) -> PagerDutyNotifier:
    return PagerDutyNotifier(HttpPost(f"{url}/v2/enqueue", SystemClock(), read_s=read_s), KEY)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (ACCEPTED, SENT),
        (says(400, {"status": "invalid event"}), GAVE_UP),
        (says(403), GAVE_UP),
        (says(429, retry_after="30"), RETRY),
        (says(500), RETRY),
        (says(503), RETRY),
        (cut, RETRY),
    ],
)
def test_every_answer_is_judged(answer: Answer, outcome: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Loopback(answer) as server:
        result = notifier(server.url).send(delivery())
    assert result.outcome == outcome
    assert (server.got[0].path, server.got[0].json()["routing_key"]) == ("/v2/enqueue", KEY)
    assert KEY not in caplog.text + result.reason
    assert "authorization" not in server.got[0].headers


def test_silence_is_tried_again() -> None:
    with half_open() as url:
        assert notifier(url, read_s=0.3).send(delivery()).outcome == RETRY


def taken(by: str | None, *, service: str = "support-assistant") -> Delivery:
    made = delivery(refusals(service=service))
    return replace(made, brief=replace(made.brief, acknowledged_by=by))


def test_what_a_person_took_is_acknowledged_once() -> None:
    with Loopback(ACCEPTED) as server:
        duty = notifier(server.url)
        assert duty.follow([taken(None)]).outcome == SENT
        assert server.got == []
        for _ in range(3):
            assert duty.follow([taken("ana"), taken(None, service="another")]).outcome == SENT
        duty.follow([taken("bo")])
        duty.follow([taken(None)])  # reopened: nobody has it
        duty.follow([taken("bo")])
    assert [r.json()["event_action"] for r in server.got] == ["acknowledge"] * 3
    assert {r.json()["dedup_key"] for r in server.got} == {taken(None).incident_id}


def test_an_acknowledgement_that_did_not_arrive_is_sent_again() -> None:
    with Loopback(ACCEPTED) as server:
        server.answers = [says(503), says(429, retry_after="9")]
        duty = notifier(server.url)
        outcomes = [duty.follow([taken("ana")]) for _ in range(4)]
    assert [o.outcome for o in outcomes] == [RETRY, RETRY, SENT, SENT]
    assert outcomes[1].wait_s == 9
    assert len(server.got) == 3


def test_a_lost_connection_does_not_repeat_an_acknowledgement_on_and_on() -> None:
    clock = HandClock()
    with Loopback(cut) as server:
        duty = PagerDutyNotifier(HttpPost(server.url, SystemClock()), KEY, clock)
        for _ in range(24):  # two minutes
            duty.follow([taken("ana")])
            clock.sleep(5)
        assert len(server.got) == 3
        for _ in range(720):
            duty.follow([taken("ana")])
            clock.sleep(5)
        assert len(server.got) == 4


def test_an_acknowledgement_that_never_left_is_tried_until_it_does() -> None:
    duty = PagerDutyNotifier(HttpPost(refused(), SystemClock()), KEY, HandClock())
    assert [duty.follow([taken("ana")]).outcome for _ in range(9)] == [RETRY] * 9


def test_an_outage_loses_nothing_and_keeps_the_order_of_an_incident() -> None:
    clock, log = HandClock(), Log()
    up = [False]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        (ACCEPTED if up[0] else says(503))(handler)

    with Loopback(answer) as server:
        pipeline = Pipeline(notifier(server.url), log, clock, lambda: 0.5)
        for service in ("support-assistant", "another"):
            for seq, kind in ((2, "opened"), (3, "raised"), (4, "resolved")):
                pipeline.add(delivery(refusals(service=service), kind=kind, seq=seq))
        end_ns = clock.ns + 1800 * 10**9
        while clock.ns < end_ns:
            clock.sleep(max(pipeline.run(), 0.01))
        assert pipeline.waiting == 6
        tried = len(server.got)
        assert tried < 200
        up[0] = True
        while pipeline.waiting:
            clock.sleep(max(pipeline.run(), 0.01))
    arrived = [(r.json()["dedup_key"], r.json()["event_action"]) for r in server.got[tried:]]
    assert len(arrived) == 6
    for incident in {key for key, _ in arrived}:
        assert [action for key, action in arrived if key == incident] == ["trigger", "trigger", "resolve"]
