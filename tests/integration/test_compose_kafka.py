"""Apache Kafka with the very properties of ``docker-compose.yml``: who gets in, and who may do what."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import TopicAuthorizationFailedError

from infra.embedded.child_spec import ChildSpec, NotReady
from infra.embedded.pair import BROKER
from infra.embedded.ports import LOOPBACK, spares
from infra.embedded.readiness import kafka_ready
from infra.errors import Misconfigured
from infra.kafka import LOGS_IN, OBSERVATIONS, SPANS_IN, client, create_topics, reach
from infra.kafka_writers import allow_writers
from infra.settings import KafkaSettings
from tests.apache_kafka import JVM, jars
from tests.conftest import ROOT
from tests.embedded_pair import start
from tests.infra.test_deployment import make_secrets

pytestmark = [pytest.mark.integration, pytest.mark.kafka, pytest.mark.usefixtures("refused_connections")]

COMPOSE = ROOT / "infra" / "compose"


@pytest.fixture(scope="module", name="broker")
def compose_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaSettings]:
    """As Lightship sees it, with topics and the Collector's rights."""
    folder = tmp_path_factory.mktemp("compose")
    make_secrets(folder)

    def spec(home: Path, port: int) -> ChildSpec:
        return _spec(folder, home, port)

    running, child = start(folder / "home", spec)
    settings = KafkaSettings(
        bootstrap=f"{LOOPBACK}:{child.ports['kafka']}",
        partitions=2,
        idempotent=True,
        user="lightship",
        password_file=str(folder / "secrets/kafka_password"),
        mechanism="PLAIN",
        writers=("collector",),
    )
    try:
        create_topics(settings)
        allow_writers(settings)
        yield settings
    finally:
        running.stop()


def _spec(folder: Path, home: Path, port: int) -> ChildSpec:
    """The start script over the properties, with places and ports of the test's own."""
    internal, controller = spares(2)
    text = (COMPOSE / "kafka.properties").read_text(encoding="utf-8")
    for old, new in {
        "/run/secrets": str(folder / "secrets"),
        "/var/lib/kafka/data": str(home / "data"),
        "CLIENT://:9092": f"CLIENT://{LOOPBACK}:{port}",
        "kafka:9092": f"{LOOPBACK}:{port}",
        ":9094": f":{internal}",
        ":9093": f":{controller}",
    }.items():
        assert old in text
        text = text.replace(old, new)
    home.mkdir(parents=True, exist_ok=True)
    properties = home / "kafka.properties"
    properties.write_text(text, encoding="utf-8")
    programs = home / "bin"
    programs.mkdir(exist_ok=True)
    java = f'java {" ".join(JVM)} -cp "{jars()}/*"'
    for name, main in {"storage": "kafka.tools.StorageTool", "server-start": "kafka.Kafka"}.items():
        program = programs / f"kafka-{name}.sh"
        program.write_text(f'#!/bin/sh\nexec {java} {main} "$@"\n', encoding="utf-8")
        program.chmod(0o700)
    return ChildSpec(
        name=BROKER,
        argv=["sh", str(COMPOSE / "kafka_start.sh"), str(properties)],
        env={**os.environ, "KAFKA_BIN": str(programs)},
        ready=partial(_listens, port),
        ports={"kafka": port},
        grace_s=20.0,
    )


def _listens(port: int) -> None:
    """The supervisor's own question comes without an account, and would not be answered."""
    try:
        socket.create_connection((LOOPBACK, port), 2).close()
    except OSError as error:
        raise NotReady(str(error)) from error


def collector(broker: KafkaSettings) -> KafkaSettings:
    secret = Path(broker.password_file).with_name("kafka_collector_password")
    return replace(broker, user="collector", password_file=str(secret))


def write(settings: KafkaSettings, topic: str, value: bytes) -> None:
    producer = KafkaProducer(**client(settings), enable_idempotence=False, max_block_ms=5_000)
    try:
        producer.send(topic, value, partition=0).get(10)
    finally:
        producer.close(1)


def read(settings: KafkaSettings, topic: str) -> list[bytes]:
    consumer = KafkaConsumer(**client(settings), auto_offset_reset="earliest")
    try:
        consumer.assign([TopicPartition(topic, 0)])
        return [one.value for batch in consumer.poll(5_000).values() for one in batch]
    finally:
        consumer.close()


def readable(settings: KafkaSettings, topic: str) -> list[bytes]:
    """What an account gets to read; kafka-python raises a refusal or keeps asking, as it comes."""
    try:
        return read(settings, topic)
    except TopicAuthorizationFailedError:
        return []


def test_lightship_writes_and_reads(broker: KafkaSettings) -> None:
    value = uuid.uuid4().hex.encode()
    write(broker, OBSERVATIONS.name, value)
    assert value in read(broker, OBSERVATIONS.name)


def test_nobody_gets_in_without_an_account(broker: KafkaSettings) -> None:
    """The connection is closed without an answer, by a broker that answers who has one."""
    port = int(broker.bootstrap.rpartition(":")[2])
    with pytest.raises((NotReady, OSError)):
        kafka_ready(LOOPBACK, port)()
    reach(broker)


@pytest.mark.parametrize("user", ["lightship", "collector", "broker"])
def test_nobody_gets_in_with_the_wrong_password(broker: KafkaSettings, user: str, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    with pytest.raises(Misconfigured):
        reach(replace(broker, user=user, password_file=str(tmp_path / "wrong")))


def test_the_node_s_own_account_is_unknown_where_clients_come_in(broker: KafkaSettings) -> None:
    secret = Path(broker.password_file).with_name("kafka_broker_password")
    with pytest.raises(Misconfigured):
        reach(replace(broker, user="broker", password_file=str(secret)))


def test_a_collector_writes_to_the_open_topics_and_does_nothing_else(broker: KafkaSettings) -> None:
    theirs, value = collector(broker), uuid.uuid4().hex.encode()
    for topic in (SPANS_IN, LOGS_IN):
        write(theirs, topic.name, value)
        assert value in read(broker, topic.name)
    with pytest.raises(TopicAuthorizationFailedError):
        write(theirs, OBSERVATIONS.name, value)
    write(broker, OBSERVATIONS.name, b"not for a collector")
    for topic in (SPANS_IN, LOGS_IN, OBSERVATIONS):
        assert readable(theirs, topic.name) == []
    assert value not in read(broker, OBSERVATIONS.name)


def test_a_collector_gives_nobody_rights(broker: KafkaSettings) -> None:
    with pytest.raises(Misconfigured, match=r"kafka\.writers"):
        allow_writers(replace(collector(broker), writers=("mallory",)))
