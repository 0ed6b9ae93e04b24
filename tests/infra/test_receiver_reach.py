"""What is wrong between us and a receiver is named in words, by a trial and by the doctor alike."""

from __future__ import annotations

import base64
import socketserver
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from alerts.notify.http_post import HttpPost
from alerts.notify.mail import MailNotifier, Server
from alerts.notify.protocol import GAVE_UP
from infra.clock import SystemClock
from infra.receiver_reach import trouble_of
from infra.receivers import ReceiverSettings
from ingest.operations.doctor.check_receivers import check_receivers
from ingest.operations.doctor.line import FAIL, OK, WARN, show
from tests.alerts.deliveries import delivery
from tests.certificates import Certificates, certificates
from tests.loopback import Loopback, refused, says
from tests.served import Served

PATH = "/invented-path"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"))


def issued(made: Certificates, folder: Path, address: str, days: tuple[int, int]) -> Certificates:
    """A server's certificate by the same authority for an address, from one day to another."""
    ca = x509.load_pem_x509_certificate(made.ca.read_bytes())
    ca_key, key = (
        load_pem_private_key(path.read_bytes(), None)
        for path in (made.ca.with_name("ca.key"), made.server_key)
    )
    assert isinstance(ca_key, RSAPrivateKey)
    assert isinstance(key, RSAPrivateKey)
    now, names = datetime.now(UTC), [x509.IPAddress(ip_address(address))]
    server = x509.load_pem_x509_certificate(made.server_cert.read_bytes()).subject
    cert = (
        x509.CertificateBuilder(ca.subject, server, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    path = folder / "issued.crt"
    path.write_bytes(cert.public_bytes(Encoding.PEM))
    return replace(made, server_cert=path)


def both(url: str, ca_file: str = "") -> tuple[str, str]:
    """What a delivery says of an address, and what the doctor says."""
    reason = HttpPost(url + PATH, SystemClock(), ca_file=ca_file, read_s=2.0).post(b"{}").reason
    receiver = ReceiverSettings("hook", url=url + PATH, ca_file=ca_file)
    (line,) = check_receivers([receiver], {})
    assert line.state == FAIL
    assert "invented" not in reason + line.says
    return reason, line.says


def test_tls_where_none_is_spoken_and_the_reverse(made: Certificates) -> None:
    with Loopback(says(200)) as server:
        reason, doctor = both(server.url.replace("http:", "https:"))
        assert "speaks no TLS: write http://, or correct the port" in reason
        assert reason in doctor
    with Loopback(says(200), made) as server:
        reason, doctor = both(server.url.replace("https:", "http:"))
        assert "if it speaks TLS, write https://" in reason
        assert "speaks TLS: write https:// instead of http://" in doctor


def test_certificates_that_do_not_hold(made: Certificates, tmp_path: Path) -> None:
    ca = str(made.ca)
    with Loopback(says(200), made) as server:
        for said in both(server.url):
            assert "signed by nobody trusted here: name that authority with ca_file" in said
        assert trouble_of(ReceiverSettings("hook", url=server.url, ca_file=ca)) == ""
    for address, days, expected in (
        ("127.0.0.1", (-9, -8), "its certificate has expired: renew it there"),
        ("127.0.0.1", (8, 9), "its certificate is not valid yet: compare the clocks"),
        ("192.0.2.7", (-1, 1), "its certificate is for another name"),
    ):
        with Loopback(says(200), issued(made, tmp_path, address, days)) as server:
            for said in both(server.url, ca):
                assert expected in said


def test_nobody_there() -> None:
    for said in both("http://hooks.invalid"):
        assert "no such host: correct the name" in said
    for said in both(refused()):
        assert "it refused the connection: nothing listens at port" in said


class _Mail(socketserver.StreamRequestHandler):
    """A mail server that takes no login."""

    def handle(self) -> None:
        self.wfile.write(b"220 invented ESMTP\r\n")
        for line in self.rfile:
            word = line.split()[0].upper() if line.split() else b""
            if word == b"EHLO":
                self.wfile.write(b"250-invented\r\n250 AUTH PLAIN\r\n")
            elif word == b"AUTH":
                self.wfile.write(b"535 5.7.8 no such user ana\r\n")
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


def test_a_mail_server_that_refuses_the_login_or_offers_no_tls(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(base64.b64encode(b"invented-password").decode())
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mail) as tcp, Served(tcp):
        url = f"smtp://127.0.0.1:{tcp.server_address[1]}"
        plain = ReceiverSettings(
            "mail",
            kind="email",
            url=url,
            starttls=False,
            user="ana",
            password_file=str(tmp_path / "password"),
        )
        said = trouble_of(plain)
        assert said == "127.0.0.1: 535, it refused the login: correct user and password_file"
        server = Server(url, "ana", "invented-password", starttls=False)
        outcome = MailNotifier(server, "a@example.org", ["b@example.org"]).send(delivery())
        assert (outcome.outcome, outcome.reason) == (GAVE_UP, said)
        assert "STARTTLS" in trouble_of(ReceiverSettings("mail", kind="email", url=url))
        secure = ReceiverSettings("mail", kind="email", url=url.replace("smtp:", "smtps:"))
        assert "speaks no TLS: write smtp://, or correct the port" in trouble_of(secure)


def test_the_doctor_says_what_became_of_the_last_message() -> None:
    with Loopback(says(200)) as server:
        hook = ReceiverSettings("hook", url=server.url)
        found = [
            check_receivers([hook], {"hook": last} if last[0] else {})[0]
            for last in (("", ""), ("sent", ""), ("retry", "time-out"), ("gave_up", "hook: 404"))
        ]
    assert [line.state for line in found] == [OK, OK, WARN, FAIL]
    assert "lightship alerts test hook" in show(found)
    assert "gave up the last message: hook: 404" in show(found)
    assert server.got == []
    assert check_receivers([], {})[0].state == OK
