"""The fleet shard's process against the real broker and store, killed in between."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from kafka import KafkaProducer

from detectors.closed_ticks import BEGINNING, Entry, Report, SharedRow, encode
from infra.clickhouse import connect
from infra.embedded.ports import spare
from infra.kafka import CLIENT, TICKS, create_topics
from infra.settings import KafkaSettings, Settings
from ingest.agents.fleet.shard import FleetShard
from ingest.detection_settings import fleet_config
from tests.conftest import ROOT
from tests.databases import fresh_database
from tests.detectors.test_fleet import FIRST, closed, since_change

pytestmark = [pytest.mark.integration, pytest.mark.long]

WAIT_S = 90.0
SHARDS = (900, 901)
"""Numbers that no other test's shards have: all write to one log."""


def reports(lineage: str, ticks: Sequence[Sequence[SharedRow]]) -> list[Report]:
    """What two shards say of these ticks, services divided between them."""
    out, before = [], dict.fromkeys(SHARDS, BEGINNING)
    for i, rows in enumerate(ticks):
        offset = int(time.time_ns() // 1000) + i  # later than those of an earlier run
        for shard, number in enumerate(SHARDS):
            mine = tuple(r for r in rows if ord(r.service[0]) % 2 == shard)
            entry = Entry(offset, before[number], "default", lineage, FIRST + i + 1, mine)
            before[number] = offset
            out.append(Report(number, (entry,)))
    return out


def without_place(body: str) -> dict[str, Any]:
    """A finding without its place in the log, which holds what other tests wrote, too."""
    return {k: v for k, v in json.loads(body).items() if not k.startswith("log_")}


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    done = False
    while not done:
        assert time.monotonic() < end, "it did not happen"
        with contextlib.suppress(httpx.HTTPError):
            done = holds()
        time.sleep(0.1)


@contextmanager
def running(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    port = spare()
    environ = {
        **os.environ,
        "LIGHTSHIP_HOME": str(settings.home),
        "LIGHTSHIP_CONFIG": os.devnull,
        "LIGHTSHIP_KAFKA": settings.kafka.bootstrap,
        "LIGHTSHIP_KAFKA_PARTITIONS": str(settings.kafka.partitions),
        "LIGHTSHIP_CLICKHOUSE": settings.store.url,
        "LIGHTSHIP_STORE_DATABASE": settings.store.database,
    }
    argv = [sys.executable, "-m", "ingest.agents.fleet.worker", "--port", str(port)]
    process = subprocess.Popen(argv, cwd=ROOT, env=environ)
    try:
        until(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200)
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_killed_process_goes_on_and_says_what_an_undisturbed_one_says(
    broker: str, store: str, tmp_path: Path
) -> None:
    name = uuid.uuid4().hex[:8]
    lineage = f"evaluation-{name}"
    settings = Settings(
        home=tmp_path,
        store=fresh_database(store, f"fleet_{name}"),
        kafka=KafkaSettings(bootstrap=broker, partitions=len(SHARDS), session_timeout_s=2.0),
    )
    create_topics(KafkaSettings(bootstrap=broker))
    said = reports(lineage, list(closed(since_change(2.5), days=15, seed=2)))
    undisturbed = FleetShard(fleet_config(settings), len(SHARDS))
    for i, report in enumerate(said):
        undisturbed.apply(i, report)
    expected = {f.finding_id: without_place(f.to_json()) for f, _ in undisturbed.findings}
    assert expected
    client = connect(settings.store)

    def send(some: Sequence[Report]) -> None:
        producer = KafkaProducer(bootstrap_servers=broker, **CLIENT)
        for report in some:
            producer.send(TICKS.name, value=encode(report), partition=0)
        producer.flush(timeout=30)
        producer.close()

    def found() -> dict[str, dict[str, Any]]:
        query = "SELECT body FROM findings FINAL WHERE lineage = {lineage:String}"
        rows = client.query(query, {"lineage": lineage}).result_rows
        return {json.loads(body)["finding_id"]: without_place(body) for (body,) in rows}

    def snapshots() -> int:
        query = "SELECT count() FROM snapshots WHERE room = 'fleet'"
        return int(client.query(query).result_rows[0][0])

    middle = len(said) - 200
    with running(settings):
        send(said[:middle])
        until(lambda: snapshots() > 0)
    with running(settings):
        send(said[middle - 50 :])  # a shard told some of it twice
        until(lambda: found() == expected)
    client.close()
    assert {body["service"] for body in expected.values()} == {"*"}
