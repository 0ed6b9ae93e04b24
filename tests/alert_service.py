"""The alerts service of one test: a database, a topic and a group of its own on real servers."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from alerts.service import Service
from detectors.closed_ticks import REPORT
from detectors.finding import Finding
from detectors.observation import Control, decode
from infra.clickhouse import connect
from infra.disks import DiskSpace
from infra.kafka import CLIENT, OBSERVATIONS, TOPICS, Topic, create_topics
from infra.settings import (
    AlertSettings,
    KafkaSettings,
    ReceiverSettings,
    RouteSettings,
    Settings,
)
from tests.databases import fresh_database
from tests.running import records_of

WAIT_S = 180.0


@dataclass
class World:
    """A database, a topic and a group of one test."""

    settings: Settings
    topic: str
    group: str
    rooms: list[DiskSpace] = field(default_factory=list, kw_only=True)
    """What disks are taken to hold: those of the machine are nobody's business here."""

    def say(self, *findings: Finding | bytes) -> None:
        self.send(self.topic, *(f if isinstance(f, bytes) else f.to_json().encode() for f in findings))

    def send(self, topic: str, *values: bytes) -> None:
        producer = KafkaProducer(bootstrap_servers=self.settings.kafka.bootstrap, **CLIENT)
        for value in values:
            producer.send(topic, key=b"support-assistant", value=value)
        producer.flush(timeout=10)
        producer.close()

    def marked(self) -> set[str]:
        """What is stored of recorded changes."""
        client = connect(self.settings.store)
        values = {str(value) for (value,) in client.query("SELECT value FROM changes FINAL").result_rows}
        client.close()
        return values

    @contextmanager
    def service(self, ready: bool = True) -> Iterator[Service]:
        service = Service(self.settings, topic=self.topic, group=self.group, rooms=lambda: self.rooms)
        failures: list[BaseException] = []

        def work() -> None:
            try:
                service.run()
            except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
                failures.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            if ready:
                until(lambda: service.problems() == [])
            yield service
        finally:
            service.stop()
            thread.join(30)
        assert not thread.is_alive()
        assert failures == []

    def watched(self, service: str) -> None:
        """Have a service known."""
        names = ["tenant", "lineage", "environment", "service", "unit", "score", "generation", "slice"]
        place = ("default", "live", "production", service)
        client = connect(self.settings.store)
        client.insert("series", [(*place, "interaction", "refusal", 1, "all")], names)
        client.close()

    def controls(self, service: str) -> list[str]:
        """What detection was told of rules of a service."""
        consumer = KafkaConsumer(bootstrap_servers=self.settings.kafka.bootstrap, **CLIENT)
        partitions = consumer.partitions_for_topic(OBSERVATIONS.name)
        places = [TopicPartition(OBSERVATIONS.name, p) for p in partitions]
        values = [r.value for place in places for r in records_of(consumer, place)]
        consumer.close()
        records = [decode(v) for v in values if v[1] != REPORT]
        found = [r for r in records if isinstance(r, Control) and r.key.service == service]
        return [r.action for r in found if r.action.startswith("rule")]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        client = connect(self.settings.store)
        try:
            return [tuple(row) for row in client.query(sql).result_rows]
        finally:
            client.close()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def new_world(broker: str, store: str, home: Path, receivers: tuple[ReceiverSettings, ...]) -> World:
    """Tables and topics, and settings that send everything to the first receiver."""
    name = uuid.uuid4().hex[:8]
    settings = Settings(
        home=home,
        store=fresh_database(store, f"alerts_{name}"),
        kafka=KafkaSettings(bootstrap=broker, session_timeout_s=2.0),
        alerts=AlertSettings(port=0),
        receiver=receivers,
        route=(RouteSettings(receiver=receivers[0].name),),
    )
    topic = f"findings_{name}"
    create_topics(settings.kafka, [*TOPICS, Topic(topic, partitions=1)])
    return World(settings, topic, f"alerts-{name}")
