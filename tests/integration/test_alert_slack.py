"""Slack through loopback servers that speak its protocol: messages and threads, faults, restarts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from alerts.errors import Unavailable
from alerts.notify.http_post import HttpPost
from alerts.notify.protocol import GAVE_UP, RETRY, SENT, Outcome
from alerts.notify.references import References
from alerts.notify.slack import SlackApp, SlackWebhook
from infra.clock import SystemClock
from tests.alerts.deliveries import delivery, delivery_of, incident_of
from tests.alerts.invented import refusals
from tests.alerts.test_digest import full, sent
from tests.loopback import Loopback, cut, half_open, refused, says

pytestmark = pytest.mark.integration

TOKEN = "xoxb-invented-token"
OTHER = refusals("g1", service="another")


class Workspace:
    """Slack, as far as a bot sees it: messages by their time stamp, and what is below them."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        self.threads: dict[str, list[str]] = {}
        self.shown: list[bool] = []
        self.calls: list[str] = []
        self.faults: list[Any] = []
        self.server = Loopback(self.answer)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        request = self.server.got[-1]
        method = request.path.removeprefix("/api/")
        self.calls.append(method)
        if self.faults and (fault := self.faults.pop(0)) is not None:
            fault(handler)
            return
        says(200, self.take(method, request.json(), request.headers.get("authorization", "")))(handler)

    def take(self, method: str, sent: dict[str, Any], token: str) -> dict[str, Any]:
        if token != f"Bearer {TOKEN}":
            return {"ok": False, "error": "invalid_auth"}
        text = sent["text"]
        if method == "chat.update":
            if sent["ts"] not in self.messages:
                return {"ok": False, "error": "message_not_found"}
            self.messages[sent["ts"]]["text"] = text
            return {"ok": True, "ts": sent["ts"], "channel": sent["channel"]}
        thread = sent.get("thread_ts")
        if thread is not None:
            if thread not in self.messages:
                return {"ok": False, "error": "thread_not_found"}
            self.threads[thread].append(text)
            self.shown.append(sent["reply_broadcast"])
            return {"ok": True, "ts": "1.9", "channel": "C0123"}
        ts = f"1773720000.{len(self.messages):06}"
        self.messages[ts], self.threads[ts] = {"text": text, "channel": sent["channel"]}, []
        return {"ok": True, "ts": ts, "channel": "C0123"}

    def bot(self, references: References | None = None, token: str = TOKEN, read_s: float = 5.0) -> SlackApp:
        headers = {"authorization": f"Bearer {token}"}
        door = HttpPost(f"{self.server.url}/api", SystemClock(), headers=headers, read_s=read_s)
        return SlackApp(door, "C0123", references or References())


@contextmanager
def workspace() -> Iterator[Workspace]:
    made = Workspace()
    with made.server:
        yield made


def test_an_incident_is_one_message_with_a_thread() -> None:
    with workspace() as slack:
        bot = slack.bot()
        first = bot.send(delivery(seq=2))
        for kind, seq in (("raised", 3), ("resolved", 4)):
            assert bot.send(delivery(kind=kind, seq=seq)).reference == first.reference
        bot.send(delivery(OTHER))
    assert len(slack.messages) == 2
    (ts, message), _ = slack.messages.items()
    assert first == Outcome(SENT, "", 200, reference=f"C0123 {ts}")
    assert "recovered" in message["text"] or "resolved" in message["text"]
    assert ["got worse" in text for text in slack.threads[ts]] == [True, False]
    assert slack.shown == [True, False], "whoever is asked for sees it in the channel"
    assert slack.calls == ["chat.postMessage", *["chat.update", "chat.postMessage"] * 2, "chat.postMessage"]


def test_after_a_restart_the_stored_reference_leads_to_the_same_message() -> None:
    with workspace() as slack:
        before = slack.bot().send(delivery())
        stored = {delivery().incident_id: before.reference}
        slack.bot(References(lambda: stored)).send(delivery(kind="resolved", seq=3))
    assert len(slack.messages) == 1
    assert [len(answers) for answers in slack.threads.values()] == [1]


def test_without_the_store_it_waits_rather_than_begin_a_second_message() -> None:
    def down() -> dict[str, str]:
        raise Unavailable("no store")

    with workspace() as slack:
        assert slack.bot(References(down)).send(delivery(kind="resolved")).outcome == RETRY
    assert slack.calls == []


def test_a_first_message_that_was_deleted_is_followed_by_a_new_one() -> None:
    with workspace() as slack:
        bot = slack.bot()
        bot.send(delivery())
        slack.messages.clear()
        again = bot.send(delivery(kind="resolved", seq=3))
        assert (again.outcome, len(slack.messages)) == (SENT, 1)
        bot.send(delivery(kind="reopened", seq=4))
        assert len(slack.messages) == 1


def test_an_update_that_is_repeated_leaves_one_answer() -> None:
    with workspace() as slack:
        bot = slack.bot()
        bot.send(delivery())
        slack.faults = [None, says(429, retry_after="7")]  # the update is taken, the answer is not
        failed = bot.send(delivery(kind="resolved", seq=3))
        assert (failed.outcome, failed.wait_s) == (RETRY, 7)
        assert bot.send(delivery(kind="resolved", seq=3)).outcome == SENT
    assert [len(answers) for answers in slack.threads.values()] == [1]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (says(429, retry_after="3"), RETRY),
        (says(500), RETRY),
        (says(302, location="http://127.0.0.1:1/elsewhere"), GAVE_UP),
        (says(403), GAVE_UP),
        (cut, RETRY),
        (says(200, {"ok": False, "error": "ratelimited"}), RETRY),
        (says(200, {"ok": False, "error": "internal_error"}), RETRY),
        (says(200, {"ok": False, "error": "channel_not_found"}), GAVE_UP),
        (says(200, {"ok": False, "error": {"<b>": 1}}), GAVE_UP),
        (says(200, b"<html>sign in</html>"), RETRY),
        (says(200, b"[1]"), RETRY),
    ],
)
def test_every_answer_is_judged(fault: Any, outcome: str) -> None:
    with workspace() as slack:
        slack.faults = [fault]
        result = slack.bot().send(delivery())
    assert result.outcome == outcome
    assert len(slack.calls) == 1
    assert result.reference == ""


def test_silence_is_tried_again() -> None:
    with half_open() as url:
        assert (
            SlackApp(HttpPost(url, SystemClock(), read_s=0.3), "C", References()).send(delivery()).outcome
            == RETRY
        )
    assert SlackWebhook(HttpPost(refused(), SystemClock())).send(delivery()).outcome == RETRY


def test_through_an_incoming_webhook_every_message_is_new() -> None:
    incident = incident_of()
    with Loopback(says(200, b"ok")) as server:
        hook = SlackWebhook(HttpPost(f"{server.url}/services/T0/B0/invented", SystemClock()))
        outcomes = [
            hook.send(delivery_of(incident, kind, seq)) for seq, kind in enumerate(("opened", "resolved"))
        ]
        server.answer = says(404, b"no_service")
        gone = hook.send(delivery_of(incident))
    assert [o.outcome for o in outcomes] == [SENT, SENT]
    assert (gone.outcome, gone.reason) == (
        GAVE_UP,
        "127.0.0.1: 404, there is no such address: was the webhook deleted?",
    )
    assert all(json.loads(request.body)["blocks"] for request in server.got)
    assert all("channel" not in request.json() for request in server.got)


def test_the_token_is_neither_logged_nor_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with workspace() as slack:
        right, wrong = slack.bot().send(delivery()), slack.bot(token="xoxb-another").send(delivery())
    assert (right.outcome, wrong.outcome, wrong.reason) == (SENT, GAVE_UP, "Slack: invalid_auth")
    assert "xoxb" not in caplog.text + right.reason + wrong.reason


def test_a_digest_is_a_message_that_no_thread_hangs_on() -> None:
    slack, references = Workspace(), References()
    with slack.server:
        bot = slack.bot(references)
        slack.faults = [says(503), None]
        assert bot.send_digest(sent(full())).outcome == RETRY
        assert bot.send_digest(sent(full())).outcome == SENT
        bot.close()
        hook = SlackWebhook(HttpPost(f"{slack.server.url}/hook", SystemClock()))
        slack.faults = [says(200)]
        assert hook.send_digest(sent(full())).outcome == SENT
        hook.close()
    assert [m["text"] for m in slack.messages.values()] == ["Lightship, daily: 60 new tickets"]
    assert references.of("digest") == ""
    assert {r.json().get("link_names") for r in slack.server.got} == {False}
