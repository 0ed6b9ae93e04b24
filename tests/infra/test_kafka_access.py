"""Settings become the arguments of Kafka clients; what cannot work is said with its setting."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from infra.errors import Misconfigured
from infra.kafka_access import connection
from infra.settings import KafkaSettings
from tests.certificates import Certificates, certificates


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def password(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text("geheim\n", encoding="utf-8")
    return str(path)


def test_an_address_alone_is_plain_text() -> None:
    assert connection(KafkaSettings(bootstrap="a:1,b:2")) == {"bootstrap_servers": ["a:1", "b:2"]}


@pytest.mark.parametrize(
    ("tls", "user", "protocol"),
    [(True, "", "SSL"), (False, "lightship", "SASL_PLAINTEXT"), (True, "lightship", "SASL_SSL")],
)
def test_tls_and_user_decide_the_protocol(
    made: Certificates, password: str, tls: bool, user: str, protocol: str
) -> None:
    settings = KafkaSettings(
        bootstrap="k:1",
        tls=tls,
        ca_file=str(made.ca) if tls else "",
        user=user,
        password_file=password if user else "",
        mechanism="SCRAM-SHA-256",
    )
    arguments = connection(settings)
    assert arguments["security_protocol"] == protocol
    assert ("ssl_context" in arguments) == tls
    if tls:
        context = arguments["ssl_context"]
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED
    if user:
        assert arguments["sasl_mechanism"] == "SCRAM-SHA-256"
        assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == (user, "geheim")


def test_our_certificate_is_shown(made: Certificates) -> None:
    settings = KafkaSettings(
        bootstrap="k:1",
        tls=True,
        ca_file=str(made.ca),
        cert_file=str(made.client_cert),
        key_file=str(made.client_key),
    )
    assert connection(settings)["security_protocol"] == "SSL"


def test_files_that_cannot_be_used_are_named(made: Certificates, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no certificate", encoding="utf-8")
    for ca_file in (text, tmp_path / "missing"):
        with pytest.raises(Misconfigured, match=f"kafka.ca_file {ca_file} is no file of certificates"):
            connection(KafkaSettings(bootstrap="k:1", tls=True, ca_file=str(ca_file)))
    with pytest.raises(Misconfigured, match=f"kafka.cert_file {made.client_cert} and kafka.key_file"):
        connection(
            KafkaSettings(
                bootstrap="k:1", tls=True, cert_file=str(made.client_cert), key_file=str(made.server_key)
            )
        )
    with pytest.raises(Misconfigured, match=r"cannot read kafka\.password_file"):
        connection(KafkaSettings(bootstrap="k:1", user="u", password_file=str(tmp_path / "missing")))
