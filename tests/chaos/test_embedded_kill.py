"""``kill -9`` of the embedded servers under load: what was acknowledged is there, whole."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from infra.embedded.child import Phase
from infra.embedded.child_spec import BackOff
from infra.embedded.pair import broker_spec, clickhouse_url, kafka_address, store_spec
from infra.embedded.ports import spare
from infra.embedded.supervisor import Supervisor

BACK_OFF = BackOff(first_s=0.05, longest_s=0.5)
PATIENCE_S = 60.0
MESSAGES, BATCHES = 100, 12
"""Acknowledged before each kill."""
ROUNDS = [
    pytest.param(2, marks=pytest.mark.integration, id="short"),
    pytest.param(12, marks=[pytest.mark.integration, pytest.mark.chaos], id="long"),
]


def kill_often(
    running: Supervisor, name: str, rounds: int, acknowledged: Callable[[], int], some: int
) -> None:
    """Kill a child at odd moments of its work, each time it is ready again.

    ``acknowledged`` is how much it has acknowledged: ``some`` more each time, however slow the machine is.
    """
    rng = random.Random(rounds)
    for done in range(1, rounds + 1):
        enough, deadline = acknowledged() + some, time.monotonic() + PATIENCE_S
        while acknowledged() < enough:
            assert time.monotonic() < deadline, (
                f"{name} acknowledges too little: {acknowledged()} of {enough}"
            )
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 0.5))
        pid = running.states()[name].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE_S
        while running.states()[name].restarts < done or running.states()[name].phase is not Phase.READY:
            assert time.monotonic() < deadline, f"{name} did not come back"
            time.sleep(0.02)
    time.sleep(0.3)


class Sender(threading.Thread):
    """Produces numbered messages to one partition until told to stop; knows which were acknowledged."""

    def __init__(self, bootstrap: str, topic: str, partition: int) -> None:
        super().__init__()
        self.acknowledged: set[bytes] = set()
        self.failed = 0
        self.stop = threading.Event()
        self._address = bootstrap
        self._topic = topic
        self._partition = partition

    def run(self) -> None:
        producer = KafkaProducer(
            bootstrap_servers=self._address,
            acks="all",
            enable_idempotence=False,
            linger_ms=2,
            request_timeout_ms=5_000,
            delivery_timeout_ms=30_000,
        )
        number = 0
        while not self.stop.is_set():
            values = [b"%d-%d" % (self._partition, number + i) for i in range(20)]
            number += len(values)
            futures = [producer.send(self._topic, v, partition=self._partition) for v in values]
            for value, future in zip(values, futures, strict=True):
                try:
                    future.get(40)
                except KafkaError:
                    self.failed += 1
                else:
                    self.acknowledged.add(value)
        producer.close(timeout=30)


def consume_all(bootstrap: str, topic: str, partitions: int) -> Counter[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, p) for p in range(partitions)])
    found: Counter[bytes] = Counter()
    empty = 0
    while empty < 3:
        records = [m.value for batch in consumer.poll(700).values() for m in batch]
        empty = 0 if records else empty + 1
        found.update(records)
    consumer.close()
    return found


@pytest.mark.usefixtures("refused_connections")
@pytest.mark.parametrize("rounds", ROUNDS)
def test_acknowledged_messages_outlive_the_broker(tmp_path: Path, rounds: int) -> None:
    plain = broker_spec(tmp_path, spare())
    # merging goes on all the time, so that kills hit it too
    spec = replace(plain, argv=[*plain.argv, "--merge-after-s", "0.3", "--sweep-every-s", "0.1"])
    bootstrap = kafka_address(spec)
    with Supervisor(tmp_path, [spec], out=None, back_off=BACK_OFF) as running:
        topic = f"t-{uuid.uuid4().hex}"
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        admin.create_topics([NewTopic(topic, 2, 1)])
        admin.close()
        senders = [Sender(bootstrap, topic, p) for p in range(2)]
        for sender in senders:
            sender.start()
        kill_often(running, spec.name, rounds, lambda: sum(len(s.acknowledged) for s in senders), MESSAGES)
        for sender in senders:
            sender.stop.set()
        for sender in senders:
            sender.join()
        found = consume_all(bootstrap, topic, 2)
    acknowledged = set().union(*(s.acknowledged for s in senders))
    assert len(acknowledged) >= MESSAGES * rounds
    assert acknowledged <= set(found)


class Writer(threading.Thread):
    """Inserts batches until told to stop; knows which were acknowledged."""

    def __init__(self, url: str, table: str, number: int) -> None:
        super().__init__()
        self.acknowledged: list[int] = []
        self.stop = threading.Event()
        self._url = url
        self._table = table
        self._number = number

    def run(self) -> None:
        client: Client | None = None
        batch = self._number * 1_000_000
        while not self.stop.is_set():
            batch += 1
            try:
                client = client or connect(self._url)
                rows = [[batch, i, "text " * 20] for i in range(BATCH_ROWS)]
                client.insert(self._table, rows, ["batch", "i", "text"], column_type_names=TYPES)
            except (ClickHouseError, OSError):
                time.sleep(0.05)
            else:
                self.acknowledged.append(batch)
        if client is not None:
            client.close()


BATCH_ROWS = 200
TYPES = ["UInt64", "UInt16", "String"]


def connect(url: str) -> Client:
    parts = urlsplit(url)
    return clickhouse_connect.get_client(
        host=parts.hostname,
        port=parts.port,
        username=parts.username,
        password=parts.password or "",
        autogenerate_session_id=False,
        dedicated_pool=True,
    )


@pytest.mark.parametrize("rounds", ROUNDS)
def test_acknowledged_batches_outlive_the_store_and_none_is_partial(tmp_path: Path, rounds: int) -> None:
    spec = store_spec(tmp_path, spare())
    url = clickhouse_url(tmp_path, spec)
    with Supervisor(tmp_path, [spec], out=None, back_off=BACK_OFF) as running:
        client = connect(url)
        client.command(
            "CREATE TABLE t (batch UInt64, i UInt16, text String) "
            "ENGINE = ReplacingMergeTree ORDER BY (batch, i)"
        )
        client.close()
        writers = [Writer(url, "t", n) for n in range(3)]
        for writer in writers:
            writer.start()
        kill_often(running, spec.name, rounds, lambda: sum(len(w.acknowledged) for w in writers), BATCHES)
        for writer in writers:
            writer.stop.set()
        for writer in writers:
            writer.join()
        client = connect(url)
        rows = client.query("SELECT batch, count() FROM t FINAL GROUP BY batch").result_rows
        client.close()
    counts = {int(batch): int(count) for batch, count in rows}
    acknowledged = [batch for writer in writers for batch in writer.acknowledged]
    assert len(acknowledged) >= BATCHES * rounds
    assert set(acknowledged) <= set(counts)
    assert set(counts.values()) == {BATCH_ROWS}
