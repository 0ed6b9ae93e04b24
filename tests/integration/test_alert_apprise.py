"""Services through apprise, at loopback servers: taken, not taken, too slow; and no address told."""

from __future__ import annotations

import io
import logging
import pkgutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from importlib import import_module
from inspect import getsource
from pathlib import Path

import apprise.plugins
import pytest

from alerts.commands.test_message import show, tried
from alerts.notify.apprise import LOCAL, AppriseNotifier, addresses_in, letter_of
from alerts.notify.channels import notifier_of
from alerts.notify.pipeline import Pipeline
from alerts.notify.protocol import RETRY, SENT, Delivery, Outcome
from infra.errors import Misconfigured
from infra.settings import ReceiverSettings
from tests.alerts.deliveries import delivery
from tests.alerts.invented import refusals
from tests.alerts.memory import HandClock
from tests.alerts.test_digest import full, sent
from tests.alerts.test_pipeline import Log
from tests.loopback import Answer, Loopback, cut, half_open, refused, says, trickle

pytestmark = pytest.mark.integration

TOKEN = "invented-token-in-the-address"


def at(url: str, scheme: str = "json", path: str = f"/{TOKEN}") -> str:
    """The address apprise has for a loopback server."""
    return url.replace("http:", f"{scheme}:") + path


def notifier(*urls: str, send_s: float = 5.0) -> AppriseNotifier:
    """A channel that leaves out the pauses apprise makes between two messages to one service."""
    channel = AppriseNotifier(urls, "urls_env ALERT_URLS", send_s)
    for address in channel._addresses:
        address._service.request_rate_per_sec = 0
    return channel


def test_one_message_says_it_and_how_grave_it_is() -> None:
    opened, ended = delivery(), delivery(kind="resolved", seq=3)
    with Loopback(says(200)) as server:
        channel = notifier(at(server.url))
        assert [channel.send(d) for d in (opened, ended)] == [Outcome(SENT), Outcome(SENT)]
    first, last = (request.json() for request in server.got)
    assert first["title"] == f"[PAGE · firing] {' '.join(opened.brief.headline.split())}"
    assert opened.brief.do.dashboard in first["message"]
    assert opened.brief.headline not in first["message"]
    assert [first["type"], last["type"]] == ["failure", "success"]


@pytest.mark.parametrize(
    ("scheme", "title", "text"),
    [("ntfy", "title", "message"), ("gotify", "title", "message"), ("bark", "title", "body")],
)
def test_services_get_it_in_their_own_form(scheme: str, title: str, text: str) -> None:
    told = delivery()
    with Loopback(says(200, {})) as server:
        assert notifier(at(server.url, scheme)).send(told).outcome == SENT
    (request,) = server.got
    assert " ".join(told.brief.headline.split()) in request.json()[title]
    assert told.brief.do.dashboard in request.json()[text]


def test_a_digest_is_a_message_too() -> None:
    with Loopback(says(200)) as server:
        assert notifier(at(server.url)).send_digest(sent(full())).outcome == SENT
    (request,) = server.got
    assert request.json()["title"] == "Lightship, daily: 60 new tickets"
    assert "- and 10 more" in request.json()["message"]


@pytest.mark.parametrize(
    ("answer", "code"), [(says(500), 500), (says(429), 429), (says(403), 403), (cut, None), (says(302), 302)]
)
def test_what_is_not_taken_is_tried_again_and_the_status_is_told(answer: Answer, code: int | None) -> None:
    with Loopback(answer) as server:
        outcome = notifier(at(server.url, path=f"/{TOKEN}?retry=3")).send(delivery())
    assert (outcome.outcome, outcome.code) == (RETRY, code)
    assert outcome.reason == f"address 1 (JSON): not taken, {code or 'apprise does not say why'}"
    assert len(server.got) == 1  # attempts are counted by us


def test_nobody_there_is_tried_again() -> None:
    assert notifier(at(refused())).send(delivery()).outcome == RETRY


def test_silence_is_not_waited_for() -> None:
    with half_open() as url:
        outcome = notifier(at(url, path="/x?rto=60"), send_s=0.3).send(delivery())
    assert outcome == Outcome(RETRY, "address 1 (JSON): no answer in 0.3 s")


def test_an_answer_that_trickles_is_left_alone_and_no_second_attempt_goes_beside_it() -> None:
    with Loopback(trickle) as server:
        channel = notifier(at(server.url), send_s=0.3)
        first = channel.send(delivery())
        other = channel.send(delivery(refusals(service="another")))
        assert [first.outcome, other.outcome] == [RETRY, RETRY]
        assert "the attempt before has not ended" in other.reason
        assert len(server.got) == 1


@contextmanager
def held(server: Loopback) -> Iterator[threading.Event]:
    """A server that answers its next request once the event is set."""
    go = threading.Event()

    def late(handler: BaseHTTPRequestHandler) -> None:
        go.wait(10)
        says(200)(handler)

    server.answers.append(late)
    try:
        yield go
    finally:
        go.set()


def test_what_was_taken_late_is_not_sent_again() -> None:
    with Loopback(says(200)) as server, held(server) as go:
        channel = notifier(at(server.url), send_s=0.3)
        assert channel.send(delivery()).outcome == RETRY
        go.set()
        assert any(channel.send(delivery()).outcome == SENT for _ in range(50))
    assert len(server.got) == 1


def test_who_took_it_is_not_sent_it_again_because_another_did_not() -> None:
    with Loopback(says(200)) as good, Loopback(says(200)) as bad:
        bad.answers += [says(503), says(503)]
        channel = notifier(at(good.url), at(bad.url, "gotify"))
        outcomes = [channel.send(delivery()) for _ in range(3)]
    assert [o.outcome for o in outcomes] == [RETRY, RETRY, SENT]
    assert outcomes[0].reason == "address 2 (Gotify): not taken, 503"
    assert [len(good.got), len(bad.got)] == [1, 3]


def test_an_incident_is_told_in_order_and_nothing_is_lost_while_the_service_is_down() -> None:
    with Loopback(says(200)) as server:
        server.answers += [says(500)] * 7
        clock, log = HandClock(), Log()
        pipeline = Pipeline(notifier(at(server.url)), log, clock, lambda: 0.5)
        due: list[Delivery] = [delivery(kind=k, seq=n) for n, k in ((2, "opened"), (3, "resolved"))]
        due.append(delivery(refusals(service="another"), seq=4))
        for one in due:
            pipeline.add(one)
        for _ in range(200):
            if pipeline.waiting:
                clock.sleep(max(pipeline.run(), 0.001))
    done = [a.delivery.dedup_key for a in log.rows if a.outcome == SENT]
    assert sorted(done) == sorted(d.dedup_key for d in due)
    assert done.index(due[0].dedup_key) < done.index(due[1].dedup_key)
    assert {a.code for a in log.rows if a.outcome == RETRY} == {500}
    said = [r.json()["type"] for r in server.got]
    assert said.index("success") > said.index("failure")


@contextmanager
def written() -> Iterator[io.StringIO]:
    """What a process that logs everything writes, as a handler of the root sees it."""
    root, shown = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(shown), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield shown
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@pytest.mark.parametrize("scheme", ["json", "ntfy", "gotify"])
def test_no_address_is_logged_or_told(scheme: str) -> None:
    with Loopback(says(200, {})) as server, written() as shown:
        server.answers += [says(500, {"error": TOKEN}), cut]
        channel = notifier(at(server.url, scheme))
        reasons = [channel.send(delivery(seq=n)).reason for n in range(3)]
        reasons.append(notifier(at(refused(), scheme)).send(delivery()).reason)
        logging.getLogger("alerts").debug("this is seen")
    assert [bool(reason) for reason in reasons] == [True, True, False, True]
    said = shown.getvalue() + "".join(reasons)
    assert "this is seen" in said
    assert TOKEN not in said
    assert "127.0.0.1" not in said


def test_a_long_text_is_one_message_that_ends_where_a_line_ends() -> None:
    told = delivery()
    with Loopback(says(200)) as server:
        url = at(server.url, "bark", "/key?overflow=split")
        channel = notifier(url)
        whole = letter_of(told).text
        for address in channel._addresses:
            address._service.body_maxlen = len(whole) // 2
        assert channel.send(told).outcome == SENT
    (request,) = server.got
    text = request.json()["body"]
    assert len(text) < len(whole)
    assert text.endswith("\n…")
    assert text.removesuffix("\n…") + "\n" in whole


def test_names_call_nobody() -> None:
    hostile = delivery(refusals(service="@everyone", slice="<!channel>"))
    letter = letter_of(hostile)
    assert "@everyone" not in letter.title + letter.text
    assert "<!channel>" not in letter.title + letter.text
    assert "everyone" in letter.title
    assert hostile.brief.do.dashboard in letter.text


def local_plugins() -> set[str]:
    """Of apprise's plugins those whose source uses what only this machine has."""
    marks = (
        "import subprocess",
        "import ctypes",
        "import dbus",
        "from gi",
        "import gi",
        "import syslog",
        "import hid",
    )
    return {
        name
        for _, name, _ in pkgutil.iter_modules(apprise.plugins.__path__)
        if any(mark in getsource(import_module(f"apprise.plugins.{name}")) for mark in marks)
    }


def test_every_plugin_that_acts_on_this_machine_is_known_to_us() -> None:
    found = local_plugins()
    assert "syslog" in found
    assert found <= LOCAL


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        (["syslog://"], "address 1: syslog:// does something on this machine"),
        (["json://localhost", "gnome://"], "address 2: gnome:// does something on this machine"),
        (["windows://"], "windows://"),
        (["macosx://"], "macosx://"),
        (["dbus://"], "dbus://"),
        (["file:///etc/passwd"], "no such scheme as file://"),
        (["nothing-of-the-kind://host/secret-word"], "no such scheme as nothing-of-the-kind://"),
        (["tgram://secret-word"], "tgram://"),
        (["secret-word"], "address 1 is none"),
    ],
)
def test_an_address_that_cannot_be_is_refused_and_not_repeated(urls: list[str], said: str) -> None:
    with pytest.raises(Misconfigured) as error:
        notifier(*urls)
    assert said in str(error.value)
    assert "secret-word" not in str(error.value)
    assert "urls_env ALERT_URLS" in str(error.value)


def test_addresses_stand_apart_by_blanks_lines_or_commas() -> None:
    text = "json://a/b,c?x=1,ntfy://d\n gotify://e/f\tjson://g, "
    assert addresses_in(text) == ["json://a/b,c?x=1", "ntfy://d", "gotify://e/f", "json://g,"]


def test_they_come_from_a_variable_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(says(200)) as server:
        monkeypatch.setenv("ALERT_URLS", at(server.url))
        file = tmp_path / "urls"
        file.write_text(f"{at(server.url)}\n{at(server.url, 'gotify')}\n")
        for receiver in (
            ReceiverSettings("a", kind="apprise", urls_env="ALERT_URLS"),
            ReceiverSettings("a", kind="apprise", urls_file=str(file)),
        ):
            assert notifier_of(receiver, HandClock()).send(delivery()).outcome == SENT
    assert len(server.got) == 3
    monkeypatch.delenv("ALERT_URLS")
    with pytest.raises(
        Misconfigured, match="receiver a: receiver urls_env: the variable ALERT_URLS is not set"
    ):
        notifier_of(ReceiverSettings("a", kind="apprise", urls_env="ALERT_URLS"), HandClock())


def test_a_trial_goes_through_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "lightship.toml"
    config.write_text('[[receiver]]\nname = "chat"\nkind = "apprise"\nurls_env = "ALERT_URLS"\n')
    with Loopback(says(200)) as server:
        monkeypatch.setenv("ALERT_URLS", at(server.url))
        assert "chat (apprise), opened: sent" in show(tried(config, "chat"))
        server.answer = says(401)
        said = show(tried(config, "chat"))
    assert "not taken now (a real one is tried again) (401, address 1 (JSON): not taken, 401)" in said
    assert TOKEN not in said
