"""Apache Kafka that asks for TLS and an account, or for a certificate.

Every client of ours gets in, or says why not.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from alerts import feed
from infra.embedded.child_spec import ChildSpec
from infra.embedded.ports import LOOPBACK, spares
from infra.errors import Misconfigured
from infra.kafka import LOGS, SPANS, create_topics
from infra.settings import KafkaSettings
from ingest.gateway.producer import KafkaProducer
from ingest.messages import Output
from ingest.operations.importing.drained import has_ended
from ingest.operations.ledger import topic_ends as log_ends
from ingest.topics.holes import is_hole
from ingest.topics.sender import Sender
from tests.apache_kafka import Guarded, apache_spec
from tests.certificates import certificates
from tests.embedded_pair import start
from tests.journey import Journey
from tests.judged import stored
from tests.running import TENANT, running, wait

pytestmark = [pytest.mark.integration, pytest.mark.kafka, pytest.mark.usefixtures("refused_connections")]

USER, PASSWORD = "lightship", "not-a-word-4711"


@dataclass(frozen=True, slots=True)
class Fortress:
    """A broker that lets in who knows the password at one door, and who has a certificate at the other."""

    guarded: Guarded
    plain: KafkaSettings
    sasl: KafkaSettings
    mutual: KafkaSettings
    folder: Path


@pytest.fixture(scope="module")
def fortress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fortress]:
    folder = tmp_path_factory.mktemp("fortress")
    made = certificates(folder / "certificates")
    ports = spares(2)
    guarded = Guarded(made, ports[0], ports[1], USER, PASSWORD)
    running, spec = start(folder / "home", partial(_spec, guarded))
    secret = folder / "password"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    plain = KafkaSettings(bootstrap=f"{LOOPBACK}:{spec.ports['kafka']}", partitions=2, idempotent=True)
    tls = replace(plain, tls=True, ca_file=str(made.ca))
    sasl = replace(tls, bootstrap=f"{LOOPBACK}:{guarded.secure}", user=USER, password_file=str(secret))
    mutual = replace(
        tls,
        bootstrap=f"{LOOPBACK}:{guarded.mutual}",
        cert_file=str(made.client_cert),
        key_file=str(made.client_key),
    )
    try:
        create_topics(sasl, (SPANS, LOGS))
        yield Fortress(guarded, plain, sasl, mutual, folder)
    finally:
        running.stop()


def _spec(guarded: Guarded, home: Path, port: int) -> ChildSpec:
    return apache_spec(home, port, guarded)


DOORS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "certificate")


def through(fortress: Fortress, door: str) -> KafkaSettings:
    return fortress.mutual if door == "certificate" else replace(fortress.sasl, mechanism=door)


@pytest.mark.parametrize("door", DOORS)
def test_every_client_gets_in(fortress: Fortress, door: str) -> None:
    settings = through(fortress, door)
    asyncio.run(_gateway(settings))
    name = uuid.uuid4().hex
    asyncio.run(_worker(settings, name.encode()))
    ends = log_ends.log_ends(settings, {})
    assert set(ends) == {(t.name, p) for t in (SPANS, LOGS) for p in range(2)}
    assert ends[SPANS.name, 0] >= 2
    assert not is_hole(settings, (SPANS.name, 0), 0, 1)
    findings = feed.Findings(settings, SPANS.name, group=f"g-{name}")
    try:
        read: list[bytes] = []
        while name.encode() not in read:
            read += [m.value for m in findings.poll(1.0)]
        findings.commit([])
    finally:
        findings.close()


async def _gateway(settings: KafkaSettings) -> None:
    producer = KafkaProducer(settings, (SPANS.name, LOGS.name))
    await producer.start()
    for _ in range(400):
        if producer.problem is None:
            break
        await asyncio.sleep(0.05)
    await producer.send(SPANS.name, 0, b"from the gateway", [("h", b"1")])
    await producer.stop()


async def _worker(settings: KafkaSettings, value: bytes) -> None:
    sender = Sender(settings)
    await sender.send([Output(SPANS.name, b"k", value, 0), Output(LOGS.name, b"k", b"log", 1)])
    await sender.close()


_COUNTED = """
SELECT count(), countIf(isNotNull(score_refusal)) FROM interactions FINAL WHERE lineage = 'evaluation-guarded'
"""
"""A row may be there before the log record with what was said."""


def test_all_of_lightship_runs_on_it(fortress: Fortress, tmp_path: Path) -> None:
    kafka = fortress.sasl
    settings = f"""
[kafka]
bootstrap = "{kafka.bootstrap}"
partitions = {kafka.partitions}
idempotent = true
tls = true
ca_file = "{kafka.ca_file}"
user = "{kafka.user}"
password_file = "{kafka.password_file}"
"""
    journey = Journey("evaluation-guarded", chats=60, changed=20, notes=20, runs=5)
    with running(tmp_path / "home", settings, dashboard=False) as lightship:
        journey.send(lightship)
        sent = len(journey.calls)
        wait("all is stored, with its content", lambda: lightship.rows(_COUNTED) == [(sent, sent)])
        with lightship.store() as client:
            ended = partial(has_ended, client, TENANT, journey.lineage, kafka.partitions)
            wait("detection is at the end", ended)
        stored(lightship, journey)
        for log in (lightship.home / "logs").iterdir():
            assert PASSWORD not in log.read_text(encoding="utf-8", errors="replace")


def refused(settings: KafkaSettings) -> str:
    with pytest.raises(Misconfigured) as caught:
        create_topics(settings)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_a_wrong_password_is_named(fortress: Fortress, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("guessed", encoding="utf-8")
    for mechanism in ("SCRAM-SHA-512", "PLAIN"):
        message = refused(replace(fortress.sasl, mechanism=mechanism, password_file=str(wrong)))
        assert "refuses user 'lightship' or the password" in message
        assert "kafka.password_file" in message


def test_an_unknown_authority_is_named(fortress: Fortress, tmp_path: Path) -> None:
    other = certificates(tmp_path / "others")
    for ca_file in (str(other.ca), ""):
        message = refused(replace(fortress.sasl, ca_file=ca_file))
        assert "is not trusted" in message
        assert "set kafka.ca_file" in message


def test_the_wrong_kind_of_connection_is_named(fortress: Fortress) -> None:
    without_tls = replace(fortress.sasl, tls=False, ca_file="", user="", password_file="")
    assert "set kafka.tls = true" in refused(without_tls)
    assert "does not speak TLS there" in refused(replace(fortress.sasl, bootstrap=fortress.plain.bootstrap))
    assert "wants an account: set kafka.user and kafka.password_file" in refused(
        replace(fortress.sasl, user="", password_file="")
    )
    assert "asks for no account" in refused(
        replace(fortress.plain, user=USER, password_file=fortress.sasl.password_file)
    )
    without_certificate = replace(fortress.mutual, cert_file="", key_file="")
    assert "set kafka.cert_file and kafka.key_file" in refused(without_certificate)


def test_the_gateway_says_why_it_is_not_connected(fortress: Fortress, tmp_path: Path) -> None:
    other = certificates(tmp_path / "others")

    async def problem() -> str:
        producer = KafkaProducer(replace(fortress.sasl, ca_file=str(other.ca)), (SPANS.name,))
        await producer.start()
        for _ in range(600):
            if "kafka.ca_file" in (producer.problem or ""):
                break
            await asyncio.sleep(0.05)
        said = producer.problem
        await producer.stop()
        return str(said)

    assert "is not trusted" in asyncio.run(problem())
