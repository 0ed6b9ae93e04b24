"""The relay as a process between a foreign writer and the raw topics, killed and started again."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra.embedded.pair import broker_spec, kafka_address
from infra.embedded.ports import spare
from infra.embedded.supervisor import Supervisor
from infra.kafka import CLIENT, DEAD_LETTERS, LOGS, LOGS_IN, SPANS, SPANS_IN, create_topics
from infra.settings import KafkaSettings
from ingest.gateway.splitting import partition_of
from ingest.otlp.views import span_views
from tests.at_rest import raw_messages
from tests.canaries import log_request, trace_request
from tests.conftest import ROOT
from tests.garden import Garden
from tests.ingest.telemetry import chat, log, logs, span, traces
from tests.running import end_of
from tests.searching import Search

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.usefixtures("refused_connections"),
]

PARTITIONS = 4
PATIENCE_S = 90
OPEN_FILE = re.compile(rf"/broker/.*(?:/|%2f)({SPANS_IN.name}|{LOGS_IN.name})(?:/|%2f)")
SECRET = "sk-proj-T3BlbkFJ-harbour-0123456789-abcdefgh"


EAGER = """
import os, sys
from ingest.agents.relay import app as relay_app
from ingest.agents.relay import worker as relay_worker
relay_app.BLANK_EVERY_S = 1.0
os._exit(relay_worker.main(sys.argv[1:]))
"""
"""A relay that ends idle partitions every second."""


@contextlib.contextmanager
def relay(
    bootstrap: str, home: Path, *options: str, eager: bool = False
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A relay process that is ready; its root address and itself."""
    port = spare()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTSHIP_")}
    environment |= {
        "LIGHTSHIP_HOME": str(home),
        "LIGHTSHIP_KAFKA": bootstrap,
        "LIGHTSHIP_KAFKA_SESSION_TIMEOUT_S": "3",
    }
    program = ["-c", EAGER] if eager else ["-m", "ingest.agents.relay.worker"]
    command = [sys.executable, *program, "--port", str(port), *options]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not _ready(url):
                assert process.poll() is None, "the relay ended"
                assert time.monotonic() < deadline, "the relay does not get ready"
                time.sleep(0.1)
            yield url, process
        finally:
            process.terminate()
            said = (process.communicate(timeout=30)[1] or b"").decode()
            sys.stderr.write(said)
    assert process.returncode in (0, -signal.SIGKILL), said
    assert "Traceback" not in said, said
    assert SECRET not in said


def _ready(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    return False


def read_all(bootstrap: str, topic: str, partitions: int) -> list[tuple[int, bytes, bytes]]:
    """Everything in a topic: partition, value, and everything of a message in one."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", **CLIENT)
    out: list[tuple[int, bytes, bytes]] = []
    try:
        for place in (TopicPartition(topic, p) for p in range(partitions)):
            end = end_of(consumer, place)
            consumer.seek(place, 0)
            while consumer.position(place) < end:
                for record in consumer.poll(timeout_ms=300).get(place, []):
                    told = b" ".join(k.encode() + v for k, v in record.headers)
                    value = record.value or b""
                    out.append((place.partition, value, b" ".join((record.key or b"", told, value))))
    finally:
        consumer.close()
    return out


def ids_in(messages: list[tuple[int, bytes, bytes]], marker: str) -> Counter[str]:
    """Span ids of this test, each in the partition of its trace."""
    seen: Counter[str] = Counter()
    for partition, value, _ in messages:
        for view in span_views(ExportTraceServiceRequest.FromString(value)):
            if view.attributes.get("test.run") == marker:
                assert partition_of(bytes.fromhex(view.trace_id), PARTITIONS) == partition
                seen[view.span_id] += 1
    return seen


@pytest.mark.long
def test_nothing_is_lost_when_the_relay_is_killed_and_poison_stops_nothing(
    broker: str, tmp_path: Path
) -> None:
    create_topics(
        KafkaSettings(bootstrap=broker, partitions=PARTITIONS), (SPANS, LOGS, SPANS_IN, LOGS_IN, DEAD_LETTERS)
    )
    marker = uuid.uuid4().hex
    producer = KafkaProducer(bootstrap_servers=broker, acks="all", **CLIENT)

    def write(first: int, last: int) -> None:
        for n in range(first, last):
            attributes = {**chat(asked=f"use {SECRET} please"), "test.run": marker}
            request = traces(
                *(span(attributes, trace=f"{n * 3 + k + 1:032x}", span_id=n * 3 + k + 1) for k in range(3))
            )
            producer.send(SPANS_IN.name, request.SerializeToString())
            if n % 10 == 0:
                producer.send(SPANS_IN.name, f"poison {marker} {SECRET}".encode())
        said = logs(log("gen_ai.choice", body=SECRET))
        producer.send(LOGS_IN.name, said.SerializeToString(), key=b"a key of theirs")
        producer.flush(30)

    wanted = {f"{n + 1:016x}" for n in range(1200)}
    with relay(broker, tmp_path) as (_, process):
        write(0, 200)
        process.kill()
    write(200, 300)
    with relay(broker, tmp_path) as (url, _):
        write(300, 400)
        deadline = time.monotonic() + PATIENCE_S
        while set(seen := ids_in(read_all(broker, SPANS.name, PARTITIONS), marker)) != wanted:
            assert time.monotonic() < deadline, f"{len(seen)} of {len(wanted)} came"
            time.sleep(0.5)
        metrics = httpx.get(f"{url}/metrics").text
    assert 'lightship_relay_messages_total{topic="otlp_spans_in",outcome="dead"}' in metrics
    assert "lightship_relay_pending_messages 0\n" in metrics
    letters = [m for m in read_all(broker, DEAD_LETTERS.name, 1) if b"otlp_spans_in" in m[1]]
    assert len(letters) >= 40
    everything = [
        *letters, *read_all(broker, SPANS.name, PARTITIONS), *read_all(broker, LOGS.name, PARTITIONS)
    ]  # fmt: skip
    assert not [m for m in everything if SECRET.encode() in m[2]]


@pytest.mark.long
def test_what_is_planted_is_nowhere_but_in_the_open_topics(tmp_path: Path) -> None:
    """As a Collector would write it, and as one would that is set up wrongly."""
    garden = Garden("Kafka", 3)
    home, now_ns = tmp_path / "home", time.time_ns()
    spec = broker_spec(home, spare())
    address = kafka_address(spec)
    with Supervisor(home, [spec], out=None):
        create_topics(KafkaSettings(bootstrap=address, partitions=PARTITIONS))
        spans, records = trace_request(garden, now_ns), log_request(garden, now_ns)
        header = ("note", garden.value("header", "github_pat").encode())
        producer = KafkaProducer(bootstrap_servers=address, acks="all", **CLIENT)
        producer.send(SPANS_IN.name, spans.SerializeToString(), key=garden.value("key", "email").encode())
        producer.send(LOGS_IN.name, records.SerializeToString(), headers=[header])
        refused = Garden("refused", 4)
        producer.send(SPANS_IN.name, refused.text("text").encode())
        producer.send(SPANS_IN.name, f'{{"resourceSpans": "{refused.text("JSON")}'.encode())
        producer.send(SPANS_IN.name, f'{{"resourceSpans": "{refused.text("shape")}"}}'.encode())
        producer.send(SPANS_IN.name, spans.SerializeToString()[:-9])
        producer.send(LOGS_IN.name, spans.SerializeToString(), key=refused.value("lost", "email").encode())
        producer.flush(30)
        producer.close()
        search = Search([*garden.planted, *refused.planted])
        with relay(address, tmp_path / "relay") as (url, _):
            deadline = time.monotonic() + PATIENCE_S
            while (text := httpx.get(f"{url}/metrics").text) and through(text) < 7:
                assert time.monotonic() < deadline, text
                time.sleep(0.2)
            search.look("metrics", text.encode())
        for where, data in raw_messages(KafkaSettings(bootstrap=address)):
            if not where.startswith((f"topic {SPANS_IN.name}/", f"topic {LOGS_IN.name}/")):
                search.look(where, data)
    for path in (p for p in tmp_path.rglob("*") if p.is_file() and not p.is_symlink()):
        if not OPEN_FILE.search(str(path)):
            search.look(f"file {path.relative_to(tmp_path)}", path.read_bytes())
    leaks = search.leaks()
    assert not leaks, f"{len(leaks)} leaks, the first: " + "\n".join(leaks[:20])
    assert search.places("topic otlp_") == {p.place for p in garden.planted if not p.secret}


@pytest.mark.long
def test_an_idle_partition_is_ended_with_an_empty_message_once(tmp_path: Path) -> None:
    """The embedded broker keeps the last message of a partition for good: it must hold nothing."""
    home = tmp_path / "home"
    spec = broker_spec(home, spare())
    address = kafka_address(spec)
    with Supervisor(home, [spec], out=None):
        create_topics(KafkaSettings(bootstrap=address, partitions=PARTITIONS))
        producer = KafkaProducer(bootstrap_servers=address, acks="all", **CLIENT)
        with relay(address, tmp_path / "relay", eager=True) as (url, _):
            for _ in range(2):
                producer.send(SPANS_IN.name, traces(span(chat())).SerializeToString(), partition=1)
                producer.flush(30)
                time.sleep(4.0)
            metrics = httpx.get(f"{url}/metrics").text
        producer.close()
        held = {t: read_all(address, t, PARTITIONS) for t in (SPANS_IN.name, LOGS_IN.name)}
    last = {(topic, p): value for topic, messages in held.items() for p, value, _ in messages}
    assert set(last.values()) == {b""}
    assert len(last) == 2 * PARTITIONS
    assert sum(not value for messages in held.values() for _, value, _ in messages) <= 2 * PARTITIONS + 2
    assert 'lightship_relay_messages_total{topic="otlp_spans_in",outcome="dead"}' not in metrics


def through(metrics: str) -> float:
    """Messages that the relay is done with."""
    lines = [x for x in metrics.splitlines() if x.startswith("lightship_relay_messages_total")]
    return sum(float(x.rpartition(" ")[2]) for x in lines)


def test_a_relay_without_a_broker_says_what_it_waits_for(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ingest.agents.relay.worker"],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("LIGHTSHIP_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "set LIGHTSHIP_KAFKA" in ended.stderr
