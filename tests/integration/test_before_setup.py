"""What comes before ``lightship setup``: it waits and names it, and no broker creates a topic for it.

Both brokers would create a topic that somebody looks up, with a number of partitions of their choice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError

from alerts import feed
from alerts.changes.feed import RecordedFeed
from alerts.errors import AlertsError
from infra.embedded.all_processes import whole
from infra.embedded.child_spec import ChildSpec
from infra.embedded.pair import kafka_address
from infra.embedded.ports import spares
from infra.errors import InfraError
from infra.kafka import DEAD_LETTERS, OBSERVATIONS, SPANS, SPANS_IN, TOPICS, create_topics
from infra.settings import KafkaSettings, Settings
from ingest.agents.score.settings_reader import SettingsReader
from ingest.errors import IngestError, Unavailable
from ingest.gateway.producer import KafkaProducer
from ingest.messages import Output
from ingest.operations.dead_letters.reader import letters
from ingest.operations.ledger.topic_ends import log_ends
from ingest.topics.reader import log_reader
from ingest.topics.sender import Sender
from lightship_exporter.sending import connect as connect_exporter
from lightship_exporter.settings import ExporterSettings
from tests import databases
from tests.brokers import KINDS, spec_of
from tests.embedded_pair import start
from tests.running import SERVERS, wait

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("refused_connections"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PARTITIONS = 3
"""Neither what the brokers choose by themselves nor what Lightship does."""
PATIENCE_S = 60.0


@pytest.fixture(scope="module", params=KINDS)
def bare(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaSettings]:
    """A broker of this module that creates topics by itself, and has none."""

    def creating(home: Path, port: int) -> ChildSpec:
        spec = spec_of(request.param)(home, port)
        for config in home.glob("broker/server.properties"):
            text = config.read_text()
            config.write_text(
                text.replace("auto.create.topics.enable=false", "auto.create.topics.enable=true")
            )
        return spec

    running, spec = start(tmp_path_factory.mktemp("bare"), creating)
    try:
        yield KafkaSettings(bootstrap=kafka_address(spec), partitions=PARTITIONS, session_timeout_s=6)
    finally:
        running.stop()


def topics(settings: KafkaSettings) -> dict[str, int]:
    """Partitions of each topic that is no internal one."""
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=settings.bootstrap)) as admin:
        found = {t["name"]: len(t["partitions"]) for t in admin.describe_topics()}
    return {name: number for name, number in found.items() if not name.startswith("__")}


def read_once(settings: KafkaSettings, topic: str) -> None:
    with log_reader(settings, "test") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.poll(timeout_ms=500)


def settings_once(settings: KafkaSettings) -> None:
    reader = SettingsReader(settings)
    reader.start()
    try:
        reader.current(wait_s=1.5)
    finally:
        reader.stop()


async def send_once(settings: KafkaSettings) -> None:
    sender = Sender(settings, request_timeout_ms=2_000)
    try:
        await sender.send([Output(DEAD_LETTERS.name, b"k", b"v")])
    finally:
        await sender.close()


async def connect_once(settings: KafkaSettings) -> None:
    producer = KafkaProducer(settings, (SPANS.name,))
    await producer.start()
    try:
        for _ in range(round(PATIENCE_S / 0.05)):
            if "lightship setup" in (producer.problem or ""):
                raise Unavailable(producer.problem)
            await asyncio.sleep(0.05)
    finally:
        await producer.stop()


def findings_once(settings: KafkaSettings) -> None:
    with contextlib.closing(feed.Findings(settings)) as findings:  # left open, it stays the group's reader
        findings.poll(1.0)


def changes_once(settings: KafkaSettings) -> None:
    with contextlib.closing(RecordedFeed(settings)) as changes:
        changes.poll()


def incident_once(settings: KafkaSettings) -> None:
    with contextlib.closing(feed.Producer(settings)) as producer:
        producer.incident("i", "{}")


def export_once(settings: KafkaSettings) -> None:
    producer = connect_exporter(ExporterSettings(bootstrap=settings.bootstrap))
    try:
        producer.send(SPANS_IN.name, b"v", b"k", [])
    finally:
        producer.close(timeout=0)


LIBRARY_USES: dict[str, Callable[[KafkaSettings], object]] = {
    "what commands read": lambda s: log_ends(s, {}, wait_s=1.0),
    "an assigned reader": lambda s: read_once(s, OBSERVATIONS.name),
    "dead letters": letters,
    "settings of the worker": settings_once,
    "recorded changes": changes_once,
    "findings of the alert service": findings_once,
    "what the alert service writes": incident_once,
    "what a worker writes": lambda s: asyncio.run(send_once(s)),
    "what the gateway writes": lambda s: asyncio.run(connect_once(s)),
    "the exporter": export_once,
}


@pytest.mark.parametrize("use", LIBRARY_USES)
def test_no_client_makes_a_broker_create_what_it_looks_up(bare: KafkaSettings, use: str) -> None:
    with contextlib.suppress(InfraError, IngestError, AlertsError, KafkaError):
        LIBRARY_USES[use](bare)
    assert topics(bare) == {}


@pytest.mark.parametrize(
    "use", ["dead letters", "what a worker writes", "what the gateway writes", "the exporter"]
)
def test_whoever_needs_a_topic_names_it_and_the_command_that_makes_it(bare: KafkaSettings, use: str) -> None:
    with pytest.raises((Unavailable, KafkaError), match=r"topic \w+ does not exist.*run `lightship setup`"):
        LIBRARY_USES[use](bare)


@dataclass(frozen=True, slots=True)
class Process:
    """A process of Lightship that was started too early: where it answers, and its log."""

    name: str
    url: str
    log: Path

    def readiness(self) -> tuple[int, str]:
        """Status and text of ``/readyz``; 0 while nobody answers."""
        try:
            answer = httpx.get(f"{self.url}/readyz", timeout=10)
        except httpx.TransportError as error:
            return 0, type(error).__name__
        return answer.status_code, answer.text

    def names_setup(self) -> bool:
        """Whether it says which command it waits for."""
        return "run `lightship setup`" in self.readiness()[1]

    def is_ready(self) -> bool:
        """Whether it has all that it needs."""
        return self.readiness()[0] == 200


@contextlib.contextmanager
def processes(settings: Settings, home: Path) -> Iterator[list[Process]]:
    """Every process of ``lightship up`` that reads or writes Kafka, without the set-up before them."""
    names = [n for n in SERVERS if n not in ("kafka", "clickhouse", "dashboard", "judge")]
    config = home / "lightship.toml"
    config.write_text(
        f'[store]\ndatabase = "{settings.store.database}"\n'
        f"[kafka]\npartitions = {PARTITIONS}\nsession_timeout_s = 6\n"
    )
    ports = dict(zip(names, spares(len(names)), strict=True))
    everything = whole(settings, ports, dashboard=False, config=config)
    with contextlib.ExitStack() as stack:
        out = []
        for spec in everything.specs:
            if spec.once:
                continue
            log = home / f"{spec.name}.log"
            said = stack.enter_context(log.open("wb"))
            process = subprocess.Popen(
                spec.argv, cwd=spec.cwd, env={**os.environ, **spec.env}, stdout=said, stderr=subprocess.STDOUT
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            out.append(Process(spec.name, everything.addresses[spec.name], log))
        yield out


def test_processes_started_before_setup_wait_name_it_and_go_on(
    bare: KafkaSettings, store: str, tmp_path: Path
) -> None:
    settings = Settings(
        home=tmp_path / "home",
        kafka=bare,
        store=databases.fresh_database(store, f"early_{uuid.uuid4().hex[:8]}"),
    )
    with processes(settings, tmp_path) as early:
        for process in early:
            wait(f"{process.name} names what it waits for", process.names_setup)
        assert [process.readiness()[0] for process in early] == [503] * len(early)
        assert [p.name for p in early if "run `lightship setup`" not in p.log.read_text()] == []
        assert topics(bare) == {}
        create_topics(bare)
        for process in early:
            wait(f"{process.name} is ready", process.is_ready)
    assert topics(bare) == {t.name: t.partitions or PARTITIONS for t in TOPICS}
