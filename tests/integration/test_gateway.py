"""The gateway as a process, in front of a real broker, read by a real consumer."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from kafka import KafkaConsumer, TopicPartition
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra.embedded.pair import broker_spec, kafka_address
from infra.embedded.ports import spare
from infra.embedded.supervisor import Supervisor
from infra.kafka import LOGS, SPANS, create_topics
from infra.settings import KafkaSettings
from ingest.gateway.splitting import partition_of
from ingest.otlp.views import span_views
from tests.gateway_process import PATIENCE_S, gateway_process
from tests.ingest.telemetry import chat, log, logs, span, traces

pytestmark = pytest.mark.integration

PARTITIONS = 4
PROTOBUF = {"content-type": "application/x-protobuf"}


@dataclass(frozen=True, slots=True)
class Message:
    """A consumed message."""

    partition: int
    value: bytes
    headers: dict[str, str]


def consume(
    bootstrap: str, topic: str, lineage: str, wanted: int, *, by_records: bool = True
) -> list[Message]:
    """Messages of a lineage until they hold as many records as wanted, or are as many."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, request_timeout_ms=10_000, auto_offset_reset="earliest"
    )
    out: list[Message] = []
    found = 0
    deadline = time.monotonic() + PATIENCE_S
    try:
        consumer.assign([TopicPartition(topic, p) for p in range(PARTITIONS)])
        consumer.seek_to_beginning()
        while found < wanted and time.monotonic() < deadline:
            for batch in consumer.poll(timeout_ms=300).values():
                for record in batch:
                    headers = {k: v.decode() for k, v in record.headers}
                    if headers["lightship-lineage"] == lineage:
                        out.append(Message(record.partition, record.value or b"", headers))
                        found += int(headers["lightship-records"]) if by_records else 1
    finally:
        consumer.close()
    return out


def trace_id(n: int) -> str:
    return f"{n + 1:032x}"


def test_everything_acknowledged_is_in_the_partition_of_its_trace(broker: str, tmp_path: Path) -> None:
    create_topics(KafkaSettings(bootstrap=broker, partitions=PARTITIONS), (SPANS, LOGS))
    lineage = f"demo-{uuid.uuid4().hex[:12]}"
    headers = {**PROTOBUF, "lightship-lineage": lineage}
    with gateway_process(broker, tmp_path) as g, httpx.Client(timeout=30) as client:
        url = g.url

        def send(n: int) -> int:
            spans = (span(chat(), trace=trace_id(n * 3 + k), span_id=n * 3 + k + 1) for k in range(3))
            body = traces(*spans).SerializeToString()
            return client.post(f"{url}/v1/traces", content=body, headers=headers).status_code

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(send, range(200))) == {200}
        said = logs(*(log("gen_ai.choice", body="x", trace=trace_id(n)) for n in range(20)))
        assert (
            client.post(f"{url}/v1/logs", content=said.SerializeToString(), headers=headers).status_code
            == 200
        )
        end = {**headers, "lightship-event-time": "1795500000000000000", "lightship-lineage-end": "1"}
        assert client.post(f"{url}/v1/traces", content=b"", headers=end).status_code == 200
        spans = consume(broker, SPANS.name, lineage, 600)
        records = consume(broker, LOGS.name, lineage, 20)
        text = client.get(f"{url}/metrics").text
    seen = set()
    for message in spans:
        views = span_views(ExportTraceServiceRequest.FromString(message.value))
        assert len(views) == int(message.headers["lightship-records"])
        for view in views:
            assert partition_of(bytes.fromhex(view.trace_id), PARTITIONS) == message.partition
            seen.add(view.span_id)
    assert len(seen) == 600
    assert sum(int(m.headers["lightship-records"]) for m in records) == 20
    assert "lightship_gateway_spans_total 600\n" in text
    assert len([m for m in spans if m.value]) < 600  # requests shared messages
    everything = consume(
        broker, SPANS.name, lineage, len([m for m in spans if m.value]) + PARTITIONS, by_records=False
    )
    marks = [m for m in everything if "lightship-lineage-end" in m.headers]
    assert sorted(m.partition for m in marks) == list(range(PARTITIONS))


def test_topics_with_another_number_of_partitions_are_told_not_written_to(
    broker: str, tmp_path: Path
) -> None:
    create_topics(KafkaSettings(bootstrap=broker, partitions=PARTITIONS), (SPANS, LOGS))
    with gateway_process(broker, tmp_path, partitions=3, ready=503) as g:
        url = g.url
        deadline = time.monotonic() + PATIENCE_S
        while "has 4 partitions" not in (said := httpx.get(f"{url}/readyz").text):
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        body = traces(span(chat())).SerializeToString()
        assert httpx.post(f"{url}/v1/traces", content=body, headers=PROTOBUF).status_code == 503


@pytest.mark.timeout(180)
def test_an_outage_is_503_and_over_when_the_broker_is_back(tmp_path: Path) -> None:
    home = tmp_path / "broker"
    home.mkdir()
    spec = broker_spec(home, spare())
    address = kafka_address(spec)
    running = Supervisor(home, [spec], out=None)
    running.start()
    try:
        create_topics(KafkaSettings(bootstrap=address, partitions=PARTITIONS), (SPANS, LOGS))
        with gateway_process(address, tmp_path / "home") as g, httpx.Client(timeout=30) as client:
            url = g.url

            def send(n: int) -> int:
                body = traces(span(chat(), trace=trace_id(n), span_id=n + 1)).SerializeToString()
                response = client.post(f"{url}/v1/traces", content=body, headers=PROTOBUF)
                assert response.status_code == 200 or response.headers["retry-after"] == "1"
                return response.status_code

            assert send(0) == 200
            running.stop()
            assert send(1) == 503
            assert send(2) == 503
            assert httpx.get(f"{url}/healthz").status_code == 200
            running = Supervisor(home, [spec], out=None)
            running.start()
            deadline = time.monotonic() + PATIENCE_S
            while send(3) != 200:
                assert time.monotonic() < deadline, "the gateway did not find the broker again"
                time.sleep(0.3)
            g.wait_for(200)
            stored = consume(address, SPANS.name, "live", 2)
        ids = {v.span_id for m in stored for v in span_views(ExportTraceServiceRequest.FromString(m.value))}
        assert {f"{1:016x}", f"{4:016x}"} <= ids
    finally:
        running.stop()
