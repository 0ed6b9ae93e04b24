"""The embedded broker through ordinary Kafka clients."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as AioPartition
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from infra.embedded.child import Phase
from infra.embedded.child_spec import BackOff, ChildSpec
from infra.embedded.pair import broker_spec, kafka_address
from infra.embedded.ports import spare
from infra.embedded.supervisor import Supervisor
from tests.conftest import ROOT

pytestmark = pytest.mark.integration

PATIENCE_S = 30.0


def topic_on(bootstrap: str, partitions: int = 1) -> str:
    name = f"t-{uuid.uuid4().hex}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(name, partitions, 1)])
    admin.close()
    return name


def produce(bootstrap: str, topic: str, values: list[bytes], **more: object) -> list[int]:
    """Offsets of the values, acknowledged in the order they were sent."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=False, **more)
    futures = [producer.send(topic, value, partition=0, headers=[("h", b"x")]) for value in values]
    offsets = [future.get(PATIENCE_S).offset for future in futures]
    producer.close()
    return offsets


def consume(bootstrap: str, topic: str, wanted: int, start: int | None = None) -> list[tuple[int, bytes]]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    if start is not None:
        consumer.seek(partition, start)
    out: list[tuple[int, bytes]] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(out) < wanted and time.monotonic() < deadline:
        out += [(m.offset, m.value) for batch in consumer.poll(500).values() for m in batch]
    consumer.close()
    return out


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def merged(home: Path) -> int:
    """How many batches the broker says it has merged."""
    return sum(int(n) for n in re.findall(r"(\d+) merged", (home / "logs" / "broker.log").read_text()))


def with_arguments(spec: ChildSpec, *more: str) -> ChildSpec:
    return dataclasses.replace(spec, argv=[*spec.argv, *more])


def test_what_is_produced_is_consumed_in_order(shared_broker: str) -> None:
    topic = topic_on(shared_broker)
    values = [b"value %d" % i for i in range(500)]
    assert produce(shared_broker, topic, values, linger_ms=5) == list(range(500))
    assert consume(shared_broker, topic, 500) == list(enumerate(values))
    assert consume(shared_broker, topic, 10, start=490) == list(enumerate(values))[490:]


def test_large_messages_pass(shared_broker: str) -> None:
    topic = topic_on(shared_broker)
    values = [os.urandom(1 << 20) * 20, b"small"]
    produce(shared_broker, topic, values, max_request_size=64 << 20)
    assert consume(shared_broker, topic, 2) == list(enumerate(values))


def test_a_group_goes_on_where_it_stopped(shared_broker: str) -> None:
    topic = topic_on(shared_broker, partitions=2)
    produce(shared_broker, topic, [b"%d" % i for i in range(20)])
    group = f"g-{uuid.uuid4().hex}"
    seen: list[bytes] = []
    for _ in range(2):
        consumer = KafkaConsumer(
            topic,
            bootstrap_servers=shared_broker,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_poll_records=10,
            session_timeout_ms=2000,
            heartbeat_interval_ms=500,
        )
        got: list[bytes] = []
        deadline = time.monotonic() + PATIENCE_S
        while len(got) < 10 and time.monotonic() < deadline:
            got += [m.value for batch in consumer.poll(500).values() for m in batch]
        consumer.commit()
        consumer.close()
        seen += got
    assert seen == [b"%d" % i for i in range(20)]


def test_a_topic_can_be_deleted(shared_broker: str) -> None:
    topic = topic_on(shared_broker)
    produce(shared_broker, topic, [b"x"] * 20, batch_size=1)
    admin = KafkaAdminClient(bootstrap_servers=shared_broker)
    admin.delete_topics([topic])
    assert topic not in admin.list_topics()
    admin.close()


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    spec = broker_spec(tmp_path, spare())
    bootstrap = kafka_address(spec)
    with Supervisor(tmp_path, [spec], out=None):
        topic = topic_on(bootstrap)
        produce(bootstrap, topic, [b"one", b"two"], batch_size=1)
    with Supervisor(tmp_path, [spec], out=None):
        assert consume(bootstrap, topic, 2) == [(0, b"one"), (1, b"two")]
        assert produce(bootstrap, topic, [b"three"]) == [2]
        assert consume(bootstrap, topic, 3)[-1] == (2, b"three")


def test_when_the_broker_dies_its_store_ends_and_both_come_back(tmp_path: Path) -> None:
    spec = broker_spec(tmp_path, spare())
    with Supervisor(tmp_path, [spec], out=None, back_off=BackOff(first_s=0.05)) as running:
        topic = topic_on(kafka_address(spec))
        produce(kafka_address(spec), topic, [b"kept"])
        pid = running.states()["broker"].pid
        assert pid is not None
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert len(children) == 1
        os.kill(int(children[0]), signal.SIGKILL)
        eventually(lambda: running.states()["broker"].restarts == 1)
        eventually(lambda: running.states()["broker"].phase is Phase.READY)
        assert running.states()["broker"].exit_code == 1
        assert consume(kafka_address(spec), topic, 1) == [(0, b"kept")]


def test_the_broker_dies_with_its_store(tmp_path: Path) -> None:
    spec = broker_spec(tmp_path, spare())
    with Supervisor(tmp_path, [spec], out=None, back_off=BackOff(first_s=20)) as running:
        pid = running.states()["broker"].pid
        assert pid is not None
        child = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{child}").exists())


@pytest.mark.long
def test_consumers_notice_nothing_of_batches_that_are_merged(tmp_path: Path) -> None:
    spec = with_arguments(broker_spec(tmp_path, spare()), "--merge-after-s", "0.2", "--sweep-every-s", "0.05")
    bootstrap = kafka_address(spec)
    count = 1200
    values = [b"value %d" % i for i in range(count)]
    with Supervisor(tmp_path, [spec], out=None):
        topic = topic_on(bootstrap)

        async def read_along() -> list[tuple[int, bytes]]:
            consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
            await consumer.start()
            partition = AioPartition(topic, 0)
            consumer.assign([partition])
            consumer.seek(partition, 0)
            out: list[tuple[int, bytes]] = []
            deadline = time.monotonic() + PATIENCE_S
            while len(out) < count and time.monotonic() < deadline:
                found = await consumer.getmany(partition, timeout_ms=200, max_records=50)
                out += [(m.offset, m.value) for batch in found.values() for m in batch]
            await consumer.stop()
            return out

        async def both() -> list[tuple[int, bytes]]:
            reading = asyncio.create_task(read_along())
            for first in range(0, count, 100):
                part = values[first : first + 100]
                await asyncio.to_thread(produce, bootstrap, topic, part, batch_size=1)
            return await reading

        assert asyncio.run(both()) == list(enumerate(values))
        eventually(lambda: merged(tmp_path) > count / 2)
        assert consume(bootstrap, topic, count) == list(enumerate(values))
        assert consume(bootstrap, topic, count - 333, start=333) == list(enumerate(values))[333:]
        consumer = KafkaConsumer(bootstrap_servers=bootstrap)
        partition = TopicPartition(topic, 0)
        assert consumer.beginning_offsets([partition]) == {partition: 0}
        assert consumer.end_offsets([partition]) == {partition: count}
        consumer.close()
    files = list((tmp_path / "broker" / "objects").rglob("*.batch@"))
    assert len(files) < count


def test_expired_batches_go_and_consumers_begin_at_the_first_kept(tmp_path: Path) -> None:
    spec = broker_spec(tmp_path, spare())
    bootstrap = kafka_address(spec)
    with Supervisor(tmp_path, [spec], out=None):
        topic, kept = topic_on(bootstrap), topic_on(bootstrap)
        for name in (topic, kept):
            produce(bootstrap, name, [b"a", b"b", b"c"], batch_size=1)
    arguments = ("--retain", f"{topic}=0.0001", "--sweep-every-s", "0.05", "--merge-after-s", "1000")
    time.sleep(0.4)
    with Supervisor(tmp_path, [with_arguments(spec, *arguments)], out=None):
        objects = tmp_path / "broker" / "objects"
        eventually(lambda: len(list(objects.rglob(f"*{topic}*.batch@"))) == 1)
        assert consume(bootstrap, topic, 1) == [(2, b"c")]
        assert produce(bootstrap, topic, [b"d"]) == [3]
        assert len(consume(bootstrap, kept, 3)) == 3


@pytest.mark.usefixtures("refused_connections")
def test_an_idempotent_producer_is_told_of_a_restart_and_never_given_a_false_answer(tmp_path: Path) -> None:
    """Without `forget_producers` it gets offset -1 for a message that is nowhere, if the kill falls between
    the sequence number and the batch.
    """
    spec = broker_spec(tmp_path, spare())
    bootstrap = kafka_address(spec)
    with Supervisor(tmp_path, [spec], out=None, back_off=BackOff(first_s=0.05)) as running:
        topic = topic_on(bootstrap)
        producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            enable_idempotence=True,
            delivery_timeout_ms=20_000,
            request_timeout_ms=5_000,
        )
        assert producer.send(topic, b"first", partition=0).get(PATIENCE_S).offset == 0
        pid = running.states()["broker"].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: running.states()["broker"].restarts == 1)
        eventually(lambda: running.states()["broker"].phase is Phase.READY)
        with pytest.raises(KafkaError):
            producer.send(topic, b"second", partition=0).get(PATIENCE_S)
        producer.close(timeout=30)
        assert produce(bootstrap, topic, [b"third"]) == [1]
        assert consume(bootstrap, topic, 2) == [(0, b"first"), (1, b"third")]


@pytest.mark.parametrize("module", ["broker", "object_store", "clickhouse_server"])
def test_a_port_in_use_is_named(tmp_path: Path, module: str, shared_broker: str) -> None:
    port = shared_broker.rpartition(":")[2]
    (tmp_path / "password").write_text("x")
    argv = [
        sys.executable,
        "-m",
        f"infra.embedded.{module}",
        "--root",
        str(tmp_path / "data"),
        "--port",
        port,
    ]
    if module == "clickhouse_server":
        argv += ["--password-file", str(tmp_path / "password")]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert f"port {port} " in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("module", ["broker", "object_store", "clickhouse_server"])
def test_help_says_what_every_option_is_for(module: str) -> None:
    argv = [sys.executable, "-m", f"infra.embedded.{module}", "--help"]
    shown = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "--root DIR" in shown
    assert "--port" in shown


def test_a_data_directory_in_use_is_named(tmp_path: Path) -> None:
    spec = broker_spec(tmp_path, spare())
    with Supervisor(tmp_path, [spec], out=None) as running:
        argv = list(spec.argv)
        argv[argv.index("--port") + 1] = str(spare())
        ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert ended.returncode == 2
        assert f"in use by process {running.states()['broker'].pid}" in ended.stderr
