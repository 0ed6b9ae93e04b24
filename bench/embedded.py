"""How fast the embedded broker and store are here: start, produce, consume, insert, query.

``python -m bench.embedded [--messages N] [--rows N] [--seed N]``. Numbers depend on the machine and on what
else it does; nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from bench.machine import machine
from infra.embedded.child_spec import ChildSpec
from infra.embedded.pair import broker_spec, clickhouse_url, kafka_address, store_spec
from infra.embedded.ports import spare
from infra.embedded.supervisor import Supervisor

COLUMNS = 20


def started(home: Path, spec: ChildSpec) -> tuple[Supervisor, float]:
    """A running child and the seconds until it was ready."""
    running = Supervisor(home, [spec], out=None)
    began = time.perf_counter()
    running.start()
    return running, time.perf_counter() - began


def resident_mib(running: Supervisor) -> float:
    """Memory of the children and theirs."""
    pages = 0
    for state in running.states().values():
        pids = [str(state.pid)]
        for pid in pids:
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            pids += Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def rate(label: str, count: int, unit: str, work: Callable[[], object]) -> None:
    """Run and print how many a second."""
    began = time.perf_counter()
    work()
    taken_s = time.perf_counter() - began
    print(f"  {label:<52} {count / taken_s:>12,.0f} {unit}/s")


def broker(home: Path, messages: int, rng: random.Random) -> None:
    """Start, produce and consume, without and with fsync."""
    for fsync in (False, True):
        place = home / f"fsync-{fsync}"
        spec = broker_spec(place, spare(), fsync=fsync)
        running, start_s = started(place, spec)
        print(f"broker, fsync {'on' if fsync else 'off'}: ready after {start_s:.2f} s")
        address = kafka_address(spec)
        admin = KafkaAdminClient(bootstrap_servers=address)
        admin.create_topics([NewTopic(name, 1, 1) for name in ("small", "large", "single")])
        admin.close()
        few = messages // 20
        rate(
            "produce, 1,600 bytes, batches",
            messages,
            "messages",
            producing(address, "small", 1_600, messages, rng),
        )
        rate("produce, 91,000 bytes, batches", few, "messages", producing(address, "large", 91_000, few, rng))
        rate("produce, 1,600 bytes, one at a time", few, "messages", one_by_one(address, "single", few))
        rate("consume, 1,600 bytes", messages, "messages", consuming(address, "small", messages))
        print(f"  {'memory':<52} {resident_mib(running):>12,.0f} MiB")
        running.stop()
        again, start_s = started(place, spec)
        print(f"  {'start with these data':<52} {start_s:>12.2f} s")
        again.stop()


def producing(address: str, topic: str, size: int, count: int, rng: random.Random) -> Callable[[], None]:
    """Work: ``count`` messages, all in flight, until the last is acknowledged."""
    value = rng.randbytes(size)

    def work() -> None:
        producer = KafkaProducer(
            bootstrap_servers=address,
            acks="all",
            enable_idempotence=False,
            linger_ms=5,
            batch_size=1 << 18,
            max_request_size=1 << 24,
        )
        for future in [producer.send(topic, value) for _ in range(count)]:
            future.get(60)
        producer.close()

    return work


def one_by_one(address: str, topic: str, count: int) -> Callable[[], None]:
    """Work: ``count`` messages, each after the acknowledgement of the one before."""

    def work() -> None:
        producer = KafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=False)
        for _ in range(count):
            producer.send(topic, b"x" * 1_600).get(60)
        producer.close()

    return work


def consuming(address: str, topic: str, count: int) -> Callable[[], None]:
    """Work: read ``count`` messages from the beginning."""

    def work() -> None:
        consumer = KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
        consumer.assign([TopicPartition(topic, 0)])
        left = count
        while left > 0:
            left -= sum(len(batch) for batch in consumer.poll(500).values())
        consumer.close()

    return work


def store(home: Path, rows: int, rng: random.Random) -> None:
    """Start, insert and query."""
    spec = store_spec(home, spare())
    running, start_s = started(home, spec)
    print(f"store: ready after {start_s:.2f} s")
    parts = urlsplit(clickhouse_url(home, spec))
    client = clickhouse_connect.get_client(
        host=parts.hostname,
        port=parts.port,
        username=parts.username,
        password=parts.password or "",
        autogenerate_session_id=False,
    )
    names = ["id", "at", *(f"s{i}" for i in range(COLUMNS - 2))]
    columns = "id UInt64, at UInt32, " + ", ".join(f"{n} String" for n in names[2:])
    client.command(f"CREATE TABLE t ({columns}) ENGINE = ReplacingMergeTree ORDER BY (at, id)")
    types = ["UInt64", "UInt32", *["String"] * (COLUMNS - 2)]
    for batch in (1_000, 10_000):
        texts = [rng.randbytes(28).hex() for _ in range(batch)]
        data = [list(range(batch)), [rng.randrange(3600) for _ in range(batch)], *[texts] * (COLUMNS - 2)]

        def insert(batch: int = batch, data: list[list[object]] = data) -> None:  # type: ignore[assignment]
            for _ in range(max(rows // batch, 1)):
                client.insert("t", data, names, column_type_names=types, column_oriented=True)

        rate(
            f"insert {batch:,} rows of {COLUMNS} columns, about 1 KB",
            max(rows // batch, 1) * batch,
            "rows",
            insert,
        )
    for label, sql in (
        ("SELECT 1", "SELECT 1"),
        (
            "group by minute, quantile",
            "SELECT intDiv(at, 60) AS m, count(), quantileTDigest(id) FROM t GROUP BY m",
        ),
    ):
        times = [_seconds(client, sql) for _ in range(30)]
        print(f"  {label:<52} {statistics.median(times) * 1e3:>12.1f} ms (median of 30)")
    print(f"  {'memory':<52} {resident_mib(running):>12,.0f} MiB")
    client.close()
    running.stop()
    again, start_s = started(home, spec)
    print(f"  {'start with these data':<52} {start_s:>12.2f} s")
    again.stop()


def _seconds(client: Client, sql: str) -> float:
    began = time.perf_counter()
    client.query(sql)
    return time.perf_counter() - began


def main(argv: Sequence[str] | None = None) -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    load = os.getloadavg()[0]
    print(f"{machine()}, load {load:.1f}, seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        broker(Path(folder) / "broker", options.messages, random.Random(options.seed))
        store(Path(folder) / "store", options.rows, random.Random(options.seed))


if __name__ == "__main__":
    main()
