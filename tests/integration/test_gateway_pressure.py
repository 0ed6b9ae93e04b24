"""The gateway's process under pressure: a broker that stands still, keys that change, both protocols."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from infra.embedded.pair import broker_spec, kafka_address
from infra.embedded.ports import spare
from infra.embedded.supervisor import Supervisor
from infra.kafka import ACTIONS, LOGS, SPANS, create_topics
from infra.settings import KafkaSettings
from ingest.errors import Unavailable
from ingest.gateway import key_file
from ingest.gateway.producer import KafkaProducer
from ingest.gateway.quotas import Quotas
from tests.gateway_process import PATIENCE_S, GatewayProcess, gateway_process
from tests.ingest.telemetry import chat, span, traces
from tests.running import inner_child

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

PARTITIONS = 4
PROTOBUF = {"content-type": "application/x-protobuf"}
OVERLOAD_S = 20.0
STUB: Any = TraceServiceStub
CLIENTS = 24


@contextlib.contextmanager
def paused(broker: Supervisor) -> Iterator[None]:
    """The broker stands still: connections stay open and nothing is answered."""
    pid = broker.states()["broker"].pid
    assert pid is not None
    pids = [pid, *filter(None, (inner_child(pid),))]
    for one in pids:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in pids:
            os.kill(one, signal.SIGCONT)


def highest(g: GatewayProcess, seconds: float) -> int:
    """The most memory it holds in the time that follows."""
    most = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        most = max(most, g.resident_bytes())
        time.sleep(0.05)
    return most


def send_until(stop: threading.Event, g: GatewayProcess, answers: Counter[str]) -> None:
    """An application that never lets up: every other request over gRPC."""
    big = traces(span({**chat(), "x": "a b " * 50_000})).SerializeToString()
    with httpx.Client(timeout=30) as client, grpc.insecure_channel(g.grpc) as channel:
        export: Any = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        while not stop.is_set():
            response = client.post(f"{g.url}/v1/traces", content=big, headers=PROTOBUF)
            retry = response.headers.get("retry-after")
            answers[f"{response.status_code} {retry}"] += 1
            try:
                export(big, timeout=30)
                answers["OK"] += 1
            except grpc.RpcError as caught:
                error: Any = caught
                told = {name for name, _ in error.trailing_metadata() or ()}
                retry = "to retry" if "grpc-status-details-bin" in told else "for good"
                answers[f"{error.code().name} {retry}"] += 1


@pytest.mark.long
def test_a_broker_that_stands_still_is_503_in_bounded_memory_and_it_recovers(tmp_path: Path) -> None:
    home = tmp_path / "broker"
    home.mkdir()
    spec = broker_spec(home, spare())
    address = kafka_address(spec)
    broker = Supervisor(home, [spec], out=None)
    broker.start()
    bounds = {"max_body_mib": "1", "max_in_flight_mib": "4"}
    body = traces(span(chat())).SerializeToString()
    try:
        create_topics(KafkaSettings(bootstrap=address, partitions=PARTITIONS), (SPANS, LOGS))
        with (
            gateway_process(address, tmp_path / "home", settings=bounds) as g,
            httpx.Client(timeout=30) as client,
        ):
            assert client.post(f"{g.url}/v1/traces", content=body, headers=PROTOBUF).status_code == 200
            answers: Counter[str] = Counter()
            stop = threading.Event()
            senders = [threading.Thread(target=send_until, args=(stop, g, answers)) for _ in range(CLIENTS)]
            with paused(broker):
                for sender in senders:
                    sender.start()
                until = time.monotonic() + PATIENCE_S
                while len(answers) < 2 and time.monotonic() < until:  # both doors refuse: memory is full
                    time.sleep(0.1)
                held = [highest(g, OVERLOAD_S / 3) for _ in range(3)][1:]
                assert client.get(f"{g.url}/healthz").status_code == 200
                unready = client.get(f"{g.url}/readyz")
                counted = client.get(f"{g.url}/metrics").text
                stop.set()
                for sender in senders:
                    sender.join(PATIENCE_S)
            assert set(answers) == {"503 1", "UNAVAILABLE to retry"}
            assert unready.status_code == 503
            assert "Kafka" in unready.text
            assert 'lightship_gateway_rejected_total{reason="memory"}' in counted
            assert held[1] < 1.5 * held[0]  # it does not grow with what is refused: 2 GB in that time
            g.wait_for(200)
            assert client.post(f"{g.url}/v1/traces", content=body, headers=PROTOBUF).status_code == 200
            with grpc.insecure_channel(g.grpc) as channel:
                STUB(channel).Export(traces(span(chat())))
    finally:
        broker.stop()


def sending_tasks() -> int:
    """How many producers of aiokafka are at work in this loop."""
    return sum("_sender_routine" in repr(task) for task in asyncio.all_tasks())


def test_a_producer_that_is_given_up_leaves_nothing_running(tmp_path: Path) -> None:
    spec = broker_spec(tmp_path, spare())
    settings = KafkaSettings(bootstrap=kafka_address(spec), partitions=PARTITIONS)
    broker = Supervisor(tmp_path, [spec], out=None)
    broker.start()

    async def until(done: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not done():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.1)

    async def test() -> None:
        producer = KafkaProducer(settings, (SPANS.name, LOGS.name))
        await producer.start()
        await until(lambda: producer.problem is None)
        with paused(broker):
            with pytest.raises(Unavailable):
                await producer.send(SPANS.name, 0, b"x" * 1000, [])
            await until(lambda: sending_tasks() == 0)
        await until(lambda: producer.problem is None)
        await producer.send(SPANS.name, 0, b"", [])
        assert sending_tasks() == 1
        await producer.stop()

    try:
        create_topics(settings, (SPANS, LOGS))
        asyncio.run(test())
    finally:
        broker.stop()


def test_a_key_is_made_and_revoked_while_the_gateway_runs(broker: str, tmp_path: Path) -> None:
    create_topics(KafkaSettings(bootstrap=broker, partitions=PARTITIONS), (SPANS, LOGS, ACTIONS))
    request = traces(span(chat()))
    with gateway_process(broker, tmp_path) as g, grpc.insecure_channel(g.grpc) as channel:

        def status(key: str | None) -> tuple[int, str]:
            named = {} if key is None else {"x-api-key": key}
            headers = {**PROTOBUF, **named}
            answer = httpx.post(f"{g.url}/v1/traces", content=request.SerializeToString(), headers=headers)
            try:
                STUB(channel).Export(request, metadata=tuple(named.items()), timeout=30)
            except grpc.RpcError as caught:
                error: Any = caught
                return answer.status_code, str(error.code().name)
            return answer.status_code, "OK"

        def until(key: str | None, wanted: tuple[int, str]) -> None:
            deadline = time.monotonic() + 10
            while (seen := status(key)) != wanted:
                assert time.monotonic() < deadline, seen
                time.sleep(0.1)

        assert status(None) == (200, "OK")
        path = tmp_path / key_file.USUAL
        secret, _ = key_file.create(path, "alpha", "ci", Quotas(), "2026-11-27T09:00:00Z")
        until(None, (401, "UNAUTHENTICATED"))
        assert status(secret) == (200, "OK")
        marker = {"kind": "release", "value": "7.2", "who": "ci"}
        answer = httpx.post(f"{g.url}/v1/changes", json=marker, headers={"x-api-key": secret}, timeout=30)
        assert answer.json()["accepted"] == 1
        key_file.revoke(path, "ci", "2026-11-27T10:00:00Z")
        until(secret, (403, "PERMISSION_DENIED"))
