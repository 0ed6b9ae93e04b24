"""A worker whose scorer fails on everything stops and pages; it drains hardly anything, and catches up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from kafka import KafkaProducer, TopicPartition

from detectors.finding import Finding
from infra import clickhouse, setup
from infra.embedded.pair import broker_spec, kafka_address
from infra.embedded.ports import spare
from infra.kafka import DEAD_LETTERS, FINDINGS, SPANS
from infra.settings import KafkaSettings, Settings, StoreSettings
from ingest.operations.ledger.command import snapshot
from ingest.operations.ledger.topic_ends import log_read
from ingest.topics.reader import log_reader
from tests.conftest import ROOT
from tests.embedded_pair import start
from tests.ingest.raw import raw
from tests.ingest.telemetry import chat, span, traces
from tests.running import wait

pytestmark = [pytest.mark.integration, pytest.mark.long]

WORKER = "from ingest.worker import main; import os; code = main(['--port', '{port}']); os._exit(code)"
BROKEN = """
import ingest.agents.app, ingest.agents.score.setup
from detectors.scorers.registry import SPECS
from ingest.agents.score.scoring import Scoring

def fails(records):
    raise KeyError('a column that is not there')

ingest.agents.app.STOPPED_S = 3.0
ingest.agents.score.setup.scoring = lambda off: Scoring(fails, fails, SPECS, {'broken': '1'})
"""
MESSAGES, EACH = 40, 10
JUDGED = 20
"""Messages that hold the 200 records a worker judges by: where it has read fewer, it cannot know yet."""


@dataclass(frozen=True)
class World:
    """Servers and settings of one test."""

    settings: Settings
    environment: dict[str, str]

    def worker(self, port: int, prelude: str = "") -> subprocess.Popen[bytes]:
        """A worker process; ``prelude`` runs in it first."""
        return subprocess.Popen(
            [sys.executable, "-c", prelude + WORKER.format(port=port)], cwd=ROOT, env=self.environment
        )

    def accounted(self) -> int:
        """Messages in the account."""
        client = clickhouse.connect(self.settings.store)
        try:
            return int(client.query("SELECT count() FROM ledger FINAL").result_rows[0][0])
        finally:
            client.close()

    def read(self, topic: str) -> list[bytes]:
        """Values of a topic of one partition."""
        place = TopicPartition(topic, 0)
        with log_reader(self.settings.kafka, "test") as consumer:
            consumer.assign([place])
            consumer.seek(place, 0)
            return [m.value for m in consumer.poll(3000).get(place, ())]


@pytest.fixture
def world(tmp_path: Path, store: str) -> Iterator[World]:
    running, spec = start(tmp_path, broker_spec)
    settings = Settings(
        home=tmp_path,
        kafka=KafkaSettings(bootstrap=kafka_address(spec), partitions=1),
        store=StoreSettings(url=store, database="broken_deploy"),
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTSHIP_")}
    try:
        setup.setup(settings, lambda _: None)
        yield World(
            settings,
            {
                **clean,
                "LIGHTSHIP_HOME": str(tmp_path),
                "LIGHTSHIP_CONFIG": os.devnull,
                "LIGHTSHIP_KAFKA": settings.kafka.bootstrap,
                "LIGHTSHIP_KAFKA_PARTITIONS": "1",
                "LIGHTSHIP_CLICKHOUSE": store,
                "LIGHTSHIP_STORE_DATABASE": "broken_deploy",
            },
        )
        client = clickhouse.connect(settings.store)
        client.command("DROP DATABASE broken_deploy")
        client.close()
    finally:
        running.stop()


def send(settings: KafkaSettings) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap, enable_idempotence=False)
    for n in range(MESSAGES):
        calls = (span(chat(), span_id=i, trace=f"{n + 1:032x}") for i in range(1, EACH + 1))
        message = raw(SPANS.name, 0, n, traces(*calls))
        producer.send(SPANS.name, value=message.value, partition=0, headers=list(message.headers.items()))
    producer.flush()
    producer.close()


def test_hardly_anything_is_drained_and_after_the_repair_the_rest_is_stored(world: World) -> None:
    send(world.settings.kafka)
    for _ in range(2):  # whoever starts it again meets the same messages
        port = spare()
        worker = world.worker(port, BROKEN)

        def says_why(port: int = port) -> bool:
            answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2)
            told = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=2).text
            stopped = answer.json()["stopped"]
            return (
                answer.status_code == 503
                and "died by a defect" in (stopped or "")
                and "lightship_worker_stopped 1" in told
            )

        try:
            wait("the worker says why it stops", says_why)
            assert worker.wait(60) == 70
        finally:
            worker.kill()
            worker.wait()
        drained = world.accounted()
        assert drained < JUDGED
        assert len(world.read(DEAD_LETTERS.name)) == drained * EACH
        assert (log_read(world.settings.kafka).get((SPANS.name, 0)) or 0) == drained
    findings = [Finding.from_dict(json.loads(value)) for value in world.read(FINDINGS.name)]
    assert {(f.alert_kind, f.severity, f.service) for f in findings} == {("pipeline", "page", "lightship")}
    assert len({f.finding_id for f in findings}) == 1

    worker = world.worker(spare())
    try:
        wait("everything is accounted for", lambda: world.accounted() == MESSAGES)
    finally:
        worker.terminate()
        worker.wait(60)
    client = clickhouse.connect(world.settings.store)
    account = snapshot(client, world.settings.kafka, 0)
    client.close()
    assert account["balanced"] is True, account
    (spans,) = (p for p in account["partitions"] if p["topic"] == SPANS.name)
    assert (spans["stored"], spans["dead_lettered"], spans["pending"]) == (
        (MESSAGES - drained) * EACH,
        drained * EACH,
        0,
    )
