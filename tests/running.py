"""The whole of Lightship for tests: every process of ``lightship up``, on free ports, over a home of its own.

Processes are real and are killed with ``kill -9``; the supervisor that ``lightship up`` uses starts them
again. Nothing waits for a fixed time: every wait polls for a fact and fails, with what was seen, when
`PATIENCE_S` is over.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from alerts.feed import GROUP as ALERTS_GROUP
from detectors.budgets.service_budget import BUDGET
from detectors.observation import Control, decode
from infra import clickhouse, errors
from infra.embedded.all_processes import Whole, whole
from infra.embedded.child import ChildState, Phase
from infra.embedded.child_spec import BackOff, ChildSpec
from infra.embedded.errors import PortBusy, StartFailed
from infra.embedded.pair import kafka_address
from infra.embedded.ports import spares
from infra.embedded.supervisor import Supervisor
from infra.kafka import FINDINGS, LOGS, OBSERVATIONS, SPANS, Topic, client
from infra.settings import KafkaSettings, Settings, load
from ingest.errors import Unavailable
from ingest.operations.importing.drained import has_ended
from tests.brokers import EMBEDDED, spec_of
from tests.conftest import ROOT
from tests.webhook import Webhook

PATIENCE_S = 180.0
EVERY_S = 0.1
EVERY_DEAR_S = 0.5
"""Between two looks for which clients have to connect."""
END_AGAIN_S = 20.0
"""After which a lineage that may have been opened again by a late request is ended again."""
TRIES = 3
TENANT = "default"
SERVERS = (
    *("gateway", "grpc", "relay", "worker", "fleet", "alerts", "dashboard", "judge"),
    *("kafka", "clickhouse"),
)
"""What listens on a port."""
PROCESSES = ("broker", "store", "gateway", "relay", "worker", "fleet", "alerts", "dashboard")
"""What can be killed; the broker's process holds its object store, and Kafka's protocol is its child."""

STREAM_GROUP = "lightship"
BACK_OFF = BackOff(first_s=0.1, longest_s=2.0)

SETTINGS = """\
[[receiver]]
name = "hook"
kind = "webhook"
url = "{hook}"
examples = true

[[route]]
receiver = "hook"
lineages = ["*"]
"""

_APACHE = """
[kafka]
idempotent = true
"""

_UNDELIVERED = """
SELECT count() FROM
(
    SELECT concat(incident_id, '-', toString(seq)) AS dedup_key, arrayJoin(receivers) AS receiver
    FROM incident_transitions FINAL WHERE notify != ''
)
WHERE (dedup_key, receiver) NOT IN
    (SELECT dedup_key, receiver FROM notifications FINAL WHERE outcome IN ('sent', 'gave_up'))
"""

_APPLIED = 'lightship_worker_applied_offset{partition="'
_SNAPSHOTS = "SELECT shard, max(next_offset) FROM snapshots WHERE room = 'detect' GROUP BY shard"


def wait(
    what: str, done: Callable[[], object], patience_s: float = PATIENCE_S, every_s: float = EVERY_S
) -> None:
    """Poll until ``done`` gives something true; a server that does not answer is not done."""
    deadline = time.monotonic() + patience_s
    seen: object = None
    while True:
        try:
            seen = done()
        except (httpx.HTTPError, ClickHouseError, KafkaError, Unavailable, errors.Unavailable) as error:
            seen = error
        else:
            if seen:
                return
        assert time.monotonic() < deadline, f"after {patience_s:g} s still not {what}; last: {seen!r}"
        time.sleep(every_s)


@dataclass(slots=True)
class Running:
    """A running Lightship whose alerts go to ``hook``."""

    home: Path
    config: Path
    everything: Whole
    supervisor: Supervisor
    hook: Webhook
    kills: dict[str, int] = field(default_factory=dict)

    @property
    def gateway(self) -> str:
        """Root address of the gateway."""
        return self.everything.addresses["gateway"]

    @property
    def kafka(self) -> KafkaSettings:
        """Where Kafka is, and how it is spoken to."""
        return self.everything.settings.kafka

    @property
    def partitions(self) -> int:
        """Partitions of the raw topics and of the observation log."""
        return self.kafka.partitions

    @contextlib.contextmanager
    def store(self) -> Iterator[Client]:
        """A client of ClickHouse."""
        client = clickhouse.connect(self.everything.settings.store)
        try:
            yield client
        finally:
            client.close()

    def rows(self, sql: str, **bound: object) -> list[tuple[Any, ...]]:
        """Answer of one statement."""
        with self.store() as client:
            return [tuple(row) for row in client.query(sql, parameters=bound).result_rows]

    def state(self, name: str) -> ChildState:
        """Where a process is in its life."""
        return self.supervisor.states()[name]

    def is_up(self, name: str) -> None:
        """Wait until a process is ready."""
        wait(f"{name} is up", lambda: self.state(name).phase is Phase.READY)

    def kill(self, name: str) -> int:
        """``kill -9`` of a process once it is up; how often it had been started again before."""
        self.is_up(name)
        before = self.state(name)
        assert before.pid is not None
        os.kill(before.pid, signal.SIGKILL)
        self.kills[name] = self.kills.get(name, 0) + 1
        return before.restarts

    def came_back(self, name: str, restarts: int) -> None:
        """Wait until a process that was killed is ready again; ``restarts`` is what `kill` gave."""

        def ready() -> bool:
            now = self.state(name)
            return now.restarts > restarts and now.phase is Phase.READY

        wait(f"{name} is ready again", ready)

    def lightship(self, *arguments: str, within_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """A command of the command line, against this instance; it fails when it takes longer."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTSHIP_")}
        environment |= {"LIGHTSHIP_HOME": str(self.home), "LIGHTSHIP_CONFIG": str(self.config)}
        return subprocess.run(
            [sys.executable, "-m", "lightship", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )

    def alerts(self, path: str) -> Any:
        """An answer of the alerts API."""
        with self._alerts_client() as client:
            return client.get(path).raise_for_status().json()

    def tell(self, path: str, body: dict[str, str]) -> Any:
        """Have the alerts service do something; its answer."""
        with self._alerts_client() as client:
            answer = client.post(path, json=body)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def _alerts_client(self) -> httpx.Client:
        token = (self.home / "keys" / "alerts.token").read_text(encoding="ascii").strip()
        address = self.everything.addresses["alerts"]
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=address, headers=headers, timeout=30)

    def end(self, lineage: str, at_ns: int) -> None:
        """Tell the gateway, until it takes it, that a lineage has come to ``at_ns`` and ends there."""
        headers = {
            "content-type": "application/x-protobuf",
            "lightship-lineage": lineage,
            "lightship-event-time": str(at_ns),
            "lightship-lineage-end": "1",
        }
        url = f"{self.gateway}/v1/traces"
        wait(
            "the gateway takes the end of the lineage",
            lambda: httpx.post(url, content=b"", headers=headers, timeout=30).raise_for_status(),
        )

    def registered(self, lineage: str, services: Sequence[str]) -> None:
        """Wait until detection has been told the budget of each service of a lineage."""
        wait(f"budgets of {', '.join(services)}", lambda: set(services) <= self._granted(lineage))

    def _granted(self, lineage: str) -> set[str]:
        with reader(self.kafka) as consumer:
            places = self._places(OBSERVATIONS)
            messages = (decode(record.value) for place in places for record in records_of(consumer, place))
            return {
                m.key.service
                for m in messages
                if isinstance(m, Control) and m.action == BUDGET and m.key.lineage == lineage
            }

    def settle(self, lineage: str, patience_s: float = PATIENCE_S, end_ns: int | None = None) -> None:
        """Wait until everything of an ended lineage is stored, detected, handled and told.

        Each step waits for what the step before can still write, so together they leave nothing under way.
        What arrives after the end opens a lineage again: with ``end_ns`` it is ended there as often as it is.
        """
        wait("stage 1 has acknowledged all it was sent", self._read, patience_s, EVERY_DEAR_S)
        with self.store() as client:
            ended = partial(has_ended, client, TENANT, lineage, self.partitions)
            deadline = time.monotonic() + patience_s
            while end_ns is not None and time.monotonic() < deadline:
                with contextlib.suppress(AssertionError):
                    wait("detection is at the end", ended, END_AGAIN_S, EVERY_DEAR_S)
                    break
                self.end(lineage, end_ns)
            wait("detection is at the end", ended, patience_s, EVERY_DEAR_S)
        wait("the observation log is applied", self._detected, patience_s, EVERY_DEAR_S)
        wait("the findings are taken", self._taken, patience_s, EVERY_DEAR_S)
        wait("everybody is told", lambda: self.rows(_UNDELIVERED) == [(0,)], patience_s, EVERY_DEAR_S)

    def _read(self) -> bool:
        with reader(self.kafka, STREAM_GROUP) as consumer:
            return all(_is_read(consumer, p) for t in (SPANS, LOGS) for p in self._places(t))

    def _detected(self) -> bool:
        """Whether this life of the worker has read every shard to its end and sent on what came of it."""
        applied: dict[int, int] = dict(self.rows(_SNAPSHOTS))
        text = httpx.get(f"{self.everything.addresses['worker']}/metrics", timeout=10).raise_for_status().text
        for line in text.splitlines():
            if line.startswith(_APPLIED):
                partition, _, offset = line.removeprefix(_APPLIED).partition('"} ')
                applied[int(partition)] = max(int(offset), applied.get(int(partition), 0))
        with reader(self.kafka) as consumer:
            return all(applied.get(p.partition, 0) == end_of(consumer, p) for p in self._places(OBSERVATIONS))

    def _taken(self) -> bool:
        with reader(self.kafka, ALERTS_GROUP) as consumer:
            return all(_is_read(consumer, p) for p in self._places(FINDINGS))

    def _places(self, topic: Topic) -> list[TopicPartition]:
        return [TopicPartition(topic.name, p) for p in range(topic.partitions or self.partitions)]


@contextlib.contextmanager
def running(
    home: Path,
    settings: str = "",
    *,
    dashboard: bool = True,
    kind: str = EMBEDDED,
    adapt: Callable[[ChildSpec], ChildSpec] = lambda spec: spec,
) -> Iterator[Running]:
    """Everything running until the block ends; ``settings`` are added to `SETTINGS`.

    ``kind`` is the broker's; ``adapt`` may change how a process is started.
    """
    home.mkdir(parents=True, exist_ok=True)
    with Webhook() as hook:
        config = home.parent / f"{home.name}.toml"
        text = SETTINGS.format(hook=hook.url) + ("" if kind == EMBEDDED else _APACHE) + settings
        config.write_text(text, encoding="utf-8")
        loaded = load(config, {"LIGHTSHIP_HOME": str(home)})
        for attempt in range(TRIES):
            try:
                everything = _whole(loaded, _ports(), kind, dashboard=dashboard, config=config)
                specs = [adapt(replace(spec, ready_timeout_s=PATIENCE_S)) for spec in everything.specs]
                everything = replace(everything, specs=tuple(specs))
                supervisor = Supervisor(
                    home,
                    everything.specs,
                    addresses=everything.addresses,
                    ports=everything.ports,
                    out=None,
                    back_off=BACK_OFF,
                )
                supervisor.start()
            except (PortBusy, StartFailed):  # somebody took a port in between
                if attempt == TRIES - 1:
                    raise
            else:
                break
        try:
            yield Running(home, config, everything, supervisor, hook)
        finally:
            supervisor.stop()


def _ports() -> dict[str, int]:
    """A free port for each server."""
    return dict(zip(SERVERS, spares(len(SERVERS)), strict=True))


def _whole(loaded: Settings, ports: dict[str, int], kind: str, *, dashboard: bool, config: Path) -> Whole:
    """Everything, on a broker of its own kind."""
    if kind == EMBEDDED:
        return whole(loaded, ports, dashboard=dashboard, config=config)
    broker = spec_of(kind)(loaded.home, ports["kafka"])
    known = replace(loaded, kafka=replace(loaded.kafka, bootstrap=kafka_address(broker)))
    rest = whole(known, ports, dashboard=dashboard, config=config)
    specs = (replace(s, after=[*s.after, broker.name]) if s.name == "setup" else s for s in rest.specs)
    return replace(rest, specs=(broker, *specs))


@contextlib.contextmanager
def reader(kafka: KafkaSettings, group: str | None = None) -> Iterator[Any]:
    """A consumer that reads without taking part in its group."""
    consumer = KafkaConsumer(
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **client(kafka),
    )
    try:
        yield consumer
    finally:
        consumer.close()


def end_of(consumer: Any, place: TopicPartition) -> int:
    """Next offset of a partition; from a fetch, because asking for it is not right on every broker."""
    consumer.assign([place])
    consumer.seek(place, 0)
    deadline = time.monotonic() + PATIENCE_S
    while (end := consumer.highwater(place)) is None:
        assert time.monotonic() < deadline, f"the end of {place} is not told"
        consumer.poll(timeout_ms=100, max_records=1)
    return int(end)


def records_of(consumer: Any, place: TopicPartition) -> Iterator[Any]:
    """Every record of a partition up to where it ends now; it may take long as long as it goes on."""
    end = end_of(consumer, place)
    consumer.seek(place, 0)
    deadline = time.monotonic() + PATIENCE_S
    while consumer.position(place) < end:
        assert time.monotonic() < deadline, f"{place} stands still before its end {end}"
        for record in consumer.poll(timeout_ms=500).get(place, []):
            deadline = time.monotonic() + PATIENCE_S
            yield record


def _is_read(consumer: Any, place: TopicPartition) -> bool:
    return (consumer.committed(place) or 0) == end_of(consumer, place)


def inner_child(pid: int) -> int | None:
    """The one child of a process (Linux), if it has one now."""
    found = [int(stat.parent.name) for stat in Path("/proc").glob("[0-9]*/stat") if _parent_in(stat) == pid]
    return found[0] if len(found) == 1 else None


def _parent_in(stat: Path) -> int:
    try:
        return int(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):  # it ended meanwhile
        return -1
