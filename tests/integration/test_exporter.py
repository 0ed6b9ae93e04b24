"""The exporter in processes of applications: killed brokers, absent brokers, and through the relay."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from kafka import KafkaConsumer, TopicPartition

from infra.embedded.pair import broker_spec, kafka_address
from infra.embedded.ports import spare
from infra.embedded.supervisor import Supervisor
from infra.kafka import CLIENT, DEAD_LETTERS, LOGS, LOGS_IN, SPANS, SPANS_IN, create_topics
from infra.settings import KafkaSettings
from ingest.otlp.views import log_views, parse_logs, parse_traces, span_views
from tests.integration.test_relay import PARTITIONS, read_all, relay
from tests.running import BACK_OFF, end_of, wait

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.usefixtures("refused_connections"),
]

PATIENCE_S = 60

APP = """
import os, sys, time
from opentelemetry import trace
from opentelemetry._logs import LogRecord, get_logger
from opentelemetry.sdk._configuration import _OTelSDKConfigurator

_OTelSDKConfigurator().configure()
tracer, run = trace.get_tracer("app"), {"test.run": sys.argv[2]}
for n in range(int(sys.argv[1])):
    with tracer.start_as_current_span(f"chat {n}", attributes=run):
        pass
    time.sleep(float(sys.argv[3]))
get_logger("app").emit(LogRecord(event_name="gen_ai.choice", body="said", attributes=run))
"""


def application(bootstrap: str, number: int, marker: str, pause_s: float = 0.0, **more: str) -> list[str]:
    """Environment and command of an application that sets the variables and nothing else."""
    variables = {
        "OTEL_TRACES_EXPORTER": "lightship_kafka",
        "OTEL_LOGS_EXPORTER": "lightship_kafka",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "64",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_SERVICE_NAME": "harbour-app",
        "LIGHTSHIP_KAFKA": bootstrap,
        **more,
    }
    words = [f"{k}={v}" for k, v in variables.items()]
    return ["/usr/bin/env", "-i", *words, sys.executable, "-c", APP, str(number), marker, str(pause_s)]


def arrived(bootstrap: str, marker: str) -> tuple[Counter[str], int]:
    """Names of the spans of a run on the open topic, and how many of its log records there are."""
    spans: Counter[str] = Counter()
    logs = 0
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", **CLIENT)
    try:
        for topic in (SPANS_IN.name, LOGS_IN.name):
            for place in (TopicPartition(topic, p) for p in range(PARTITIONS)):
                end = end_of(consumer, place)
                consumer.seek(place, 0)
                while consumer.position(place) < end:
                    for record in consumer.poll(timeout_ms=300).get(place, []):
                        if topic == SPANS_IN.name:
                            views = (
                                span_views(parse_traces(record.value))
                                if marker.encode() in record.value
                                else []
                            )
                            spans.update(v.name for v in views)
                        elif marker.encode() in record.value:
                            logs += len(log_views(parse_logs(record.value)))
    finally:
        consumer.close()
    return spans, logs


def topics(bootstrap: str) -> None:
    create_topics(
        KafkaSettings(bootstrap=bootstrap, partitions=PARTITIONS),
        (SPANS, LOGS, SPANS_IN, LOGS_IN, DEAD_LETTERS),
    )


def test_variables_are_all_an_application_sets_and_nothing_is_lost_when_it_ends(broker: str) -> None:
    topics(broker)
    marker = uuid.uuid4().hex
    ended = subprocess.run(
        application(broker, 1000, marker), capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    spans, logs = arrived(broker, marker)
    assert (set(spans), logs) == ({f"chat {n}" for n in range(1000)}, 1)


@pytest.mark.long
def test_a_broker_killed_while_it_is_sent_to_costs_nothing(tmp_path: Path) -> None:
    """The spans made meanwhile wait; what was under way comes again."""
    home = tmp_path / "home"
    spec = broker_spec(home, spare())
    address = kafka_address(spec)
    marker = uuid.uuid4().hex
    with Supervisor(home, [spec], out=None, back_off=BACK_OFF) as running:
        topics(address)
        with subprocess.Popen(
            application(address, 400, marker, 0.025), stderr=subprocess.PIPE, text=True
        ) as app:
            for _ in range(3):
                time.sleep(2.0)
                pid = running.states()["broker"].pid
                assert pid is not None
                os.kill(pid, 9)
            said = app.communicate(timeout=90)[1]
        assert app.returncode == 0, said
        wait("the broker is up again", lambda: arrived(address, marker))
        spans, logs = arrived(address, marker)
    assert "Traceback" not in said
    assert (set(spans), logs) == ({f"chat {n}" for n in range(400)}, 1)


def test_without_a_broker_an_application_ends_in_time_and_is_told_once() -> None:
    began = time.monotonic()
    ended = subprocess.run(
        application("127.0.0.1:9", 500, "x", LIGHTSHIP_EXPORTER_TIMEOUT_S="3"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0
    assert time.monotonic() - began < 90
    assert "500 records are dropped" in ended.stderr
    assert len(ended.stderr.splitlines()) <= 4, ended.stderr


TIMED = """
import json, statistics, time
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from lightship_exporter import KafkaSpanExporter
from lightship_exporter.settings import ExporterSettings

class Nothing(SpanExporter):
    def export(self, spans):
        return SpanExportResult.SUCCESS

gone = KafkaSpanExporter(ExporterSettings(bootstrap="127.0.0.1:9", timeout_s=0.2, memory_bytes=1 << 20))
tracers, providers = {}, []
for name, exporter in (("nothing", Nothing()), ("gone", gone)):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=50))
    tracers[name] = provider.get_tracer("app")
    providers.append(provider)
spent = {name: [] for name in tracers}
for turn in range(150):
    for name in sorted(tracers, reverse=bool(turn % 2)):
        began = time.perf_counter()
        for _ in range(50):
            tracers[name].start_span("chat", attributes={"gen_ai.input.messages": "x" * 500}).end()
        spent[name].append(time.perf_counter() - began)
        time.sleep(0.005)
for provider in providers:
    provider.shutdown()
quiet = {name: statistics.mean(sorted(times)[: len(times) // 2]) for name, times in spent.items()}
print(json.dumps({"ratio": quiet["gone"] / quiet["nothing"], "dropped": gone.dropped}))
"""


def test_with_the_broker_gone_the_application_is_as_fast_as_without_an_exporter() -> None:
    """Time of a span in the application's own thread, in turns of both, of which the quieter half counts."""
    ended = subprocess.run(
        [sys.executable, "-c", TIMED], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["ratio"] < 1.3
    assert told["dropped"] > 5000


def test_what_an_exporter_sends_goes_through_the_relay_as_its_tenant(broker: str, tmp_path: Path) -> None:
    topics(broker)
    key, marker = "a key of harbour", uuid.uuid4().hex
    keys = tmp_path / "keys.txt"
    keys.write_text(f"harbour {hashlib.sha256(key.encode()).hexdigest()}\n")
    with relay(broker, tmp_path / "home", "--key-file", str(keys)) as (url, _):
        for sent_key in (key, "of nobody"):
            subprocess.run(
                application(broker, 50, marker, LIGHTSHIP_INGEST_KEY=sent_key), timeout=60, check=True
            )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = list(tenants(broker, marker))
            if len(found) >= 50:
                break
            assert time.monotonic() < deadline, found
            time.sleep(0.5)
        text = httpx.get(f"{url}/metrics").text
    assert set(found) == {"harbour"}
    assert "lightship_relay_source_missing_messages 0\n" in text
    assert "lightship_relay_source_dropped_records_total 0\n" in text


def tenants(bootstrap: str, marker: str) -> Iterator[str]:
    """Tenant of each span of a run on the raw topic."""
    for _, value, everything in read_all(bootstrap, SPANS.name, PARTITIONS):
        if marker.encode() in value:
            tenant = "harbour" if b"lightship-tenantharbour" in everything else "another"
            yield from (
                tenant for v in span_views(parse_traces(value)) if v.attributes.get("test.run") == marker
            )
