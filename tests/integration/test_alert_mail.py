"""E-mail through a loopback server: protected, signed in, once a mailbox, and every refusal."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest

from alerts.notify.mail import MailNotifier, Server, render
from alerts.notify.protocol import GAVE_UP, RETRY, SENT, Outcome
from infra.errors import Misconfigured
from tests.alerts.deliveries import delivery
from tests.alerts.invented import refusals
from tests.alerts.test_digest import full, sent
from tests.certificates import Certificates, certificates
from tests.loopback import half_open
from tests.smtp_server import MailServer

pytestmark = pytest.mark.integration

SENDER, TO = "lightship@example.org", ("ops@example.org", "ana@example.org")
PASSWORD = "invented-password"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("ca"))


def mail(
    server: MailServer,
    made: Certificates | None = None,
    password: str = "",
    *,
    starttls: bool = True,
    to: tuple[str, ...] = TO,
) -> MailNotifier:
    account = ("lightship", password) if password else ("", "")
    ca_file = str(made.ca) if made else ""
    return MailNotifier(Server(server.url, *account, starttls=starttls, ca_file=ca_file), SENDER, to)


@pytest.mark.parametrize("implicit", [False, True])
def test_it_goes_over_tls_to_everybody(made: Certificates, implicit: bool) -> None:
    sent = delivery()
    with MailServer(made, implicit=implicit) as server:
        assert mail(server, made, PASSWORD).send(sent) == Outcome(SENT, "", 250)
    box = server.mailbox
    (message,) = box.messages
    assert box.protected == [True]
    assert box.accounts == ["lightship"]
    assert [to.split("<")[1].split(">")[0] for to in box.recipients[0]] == list(TO)
    assert message["Subject"] == f"[PAGE · firing] {' '.join(sent.brief.headline.split())}"
    assert sent.brief.do.dashboard in message.get_content()
    assert message.get_content_type() == "text/plain"


def test_a_digest_is_a_letter_of_its_own(made: Certificates) -> None:
    with MailServer(made) as server:
        assert mail(server, made, PASSWORD).send_digest(sent(full())) == Outcome(SENT, "", 250)
    (message,) = server.mailbox.messages
    assert message["Subject"] == "Lightship, daily: 60 new tickets"
    assert message["References"] is None
    assert "- and 10 more" in message.get_content()


def test_a_repeat_has_the_same_id_and_an_incident_is_one_conversation() -> None:
    first, again = render(delivery(), SENDER, TO), render(delivery(), SENDER, TO)
    later = render(delivery(kind="resolved", seq=3), SENDER, TO)
    other = render(delivery(refusals("g", service="another")), SENDER, TO)
    assert first["Message-ID"] == again["Message-ID"] != later["Message-ID"]
    assert first["References"] == later["References"] != other["References"]
    assert bytes(first) == bytes(again)


@pytest.mark.parametrize(
    "name", ["a\r\nBcc: evil@example.org", "a\x00b", "ü" * 400, "=?utf-8?q?x?=", "\u2028x"]
)
def test_no_name_makes_a_header_of_its_own(name: str) -> None:
    sent = delivery(refusals(service=name, slice=name))
    with MailServer() as server:
        assert mail(server, starttls=False).send(sent).outcome == SENT
    (message,) = server.mailbox.messages
    assert message["Bcc"] is None
    assert message["To"] == ", ".join(TO)
    assert message["Subject"].startswith("[PAGE")


def test_without_tls_nothing_is_said_to_a_server_that_should_have_it() -> None:
    with MailServer() as server:
        result = mail(server).send(delivery())
    assert result.outcome == RETRY
    assert "STARTTLS" in result.reason
    assert server.mailbox.messages == []


@pytest.mark.parametrize("implicit", [False, True])
def test_a_server_nobody_vouches_for_is_not_spoken_to(made: Certificates, implicit: bool) -> None:
    with MailServer(made, implicit=implicit) as server:
        result = mail(server, password=PASSWORD).send(delivery())
    assert result == Outcome(
        RETRY, "127.0.0.1: its certificate is signed by nobody trusted here: name that authority with ca_file"
    )
    assert server.mailbox.accounts == []


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        ({"RCPT": "550 no such mailbox"}, GAVE_UP),
        ({"RCPT": "451 try later"}, RETRY),
        ({"MAIL": "421 too busy"}, RETRY),
        ({"MAIL": "530 sign in"}, GAVE_UP),
        ({"DATA": "554 no"}, GAVE_UP),
        ({"DATA": "452 full"}, RETRY),
        ({"EHLO": "421 too busy", "HELO": "421 too busy"}, RETRY),
    ],
)
def test_every_refusal_is_judged(faults: dict[str, str], outcome: str) -> None:
    with MailServer(faults=faults) as server:
        result = mail(server, starttls=False).send(delivery())
    assert result.outcome == outcome
    assert server.mailbox.messages == []


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "DATA"])
def test_a_server_that_hangs_up_is_tried_again(verb: str) -> None:
    with MailServer(hangup=verb) as server:
        assert mail(server, starttls=False).send(delivery()).outcome == RETRY


def test_silence_and_nobody_are_tried_again() -> None:
    with half_open() as url:
        quiet = Server(url.replace("http:", "smtp:"), starttls=False, timeout_s=0.3)
        assert MailNotifier(quiet, SENDER, TO).send(delivery()).outcome == RETRY
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert MailNotifier(Server(f"smtp://127.0.0.1:{port}"), SENDER, TO).send(delivery()).outcome == RETRY


def test_the_password_is_neither_logged_nor_told(
    made: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with MailServer(made) as server:
        right = mail(server, made, PASSWORD).send(delivery())
        wrong = mail(server, made, "another-password").send(delivery())
    assert (right.outcome, wrong.outcome, wrong.code) == (SENT, GAVE_UP, 535)
    said = caplog.text + right.reason + wrong.reason
    assert PASSWORD not in said
    assert "another-password" not in said


def test_an_address_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="smtp://"):
        Server("http://mail.example.org")
    with pytest.raises(Misconfigured, match="ca_file"):
        Server("smtp://mail.example.org", ca_file=str(tmp_path / "none"))
