"""OTLP over gRPC: real clients, on loopback, against the door over a memory producer."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from infra.errors import Misconfigured
from ingest.gateway import metrics
from ingest.gateway.grpc_endpoint import GrpcEndpoint
from ingest.gateway.http_body import Memory
from ingest.gateway.ingest_keys import IngestKeys
from ingest.gateway.key_file import Key, KeyFile, hash_of
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import MemoryProducer
from ingest.gateway.quotas import Quotas
from ingest.gateway.receiver import Receiver
from ingest.otlp.views import span_views
from tests.ingest.gateway.running import intake_over
from tests.ingest.telemetry import chat, log, logs, span, traces

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PATIENCE_S = 20.0
STUBS: dict[str, Any] = {"traces": TraceServiceStub, "logs": LogsServiceStub, "metrics": MetricsServiceStub}


@dataclass(slots=True)
class Served:
    """A door that is open, and a channel to it."""

    door: GrpcEndpoint
    producer: MemoryProducer
    counters: Metrics
    channel: grpc.Channel
    loop: asyncio.AbstractEventLoop

    @property
    def traces(self) -> Any:
        return STUBS["traces"](self.channel)

    def raw(self, message: bytes, method: str = EXPORT) -> Any:
        """A call with these bytes."""
        call: Any = self.channel.unary_unary(method)
        return call(message)

    def stream(self, messages: Iterator[bytes]) -> Any:
        """A call whose message comes when it comes."""
        call: Any = self.channel.stream_unary(EXPORT)
        return call(messages)

    def hold(self) -> asyncio.Event:
        """Let the producer wait until the event is set."""
        self.producer.hold = asyncio.Event()
        return self.producer.hold

    def connect(self) -> grpc.Channel:
        """A connection of its own."""
        options = (("grpc.use_local_subchannel_pool", 1),)
        return grpc.insecure_channel(f"127.0.0.1:{self.door.port}", options=options)


@contextlib.contextmanager
def served(
    home: Path, *, keys: IngestKeys | None = None, max_in_flight_bytes: int = 256 << 20, **options: Any
) -> Iterator[Served]:
    """The door in a thread of its own, as it is in the gateway's process."""
    producer, counters = MemoryProducer(), Metrics()
    opened = threading.Event()
    held: list[Any] = []

    async def serve() -> None:
        intake = intake_over(home, producer, counters)
        memory = Memory(max_in_flight_bytes, counters)
        receiver = Receiver(intake, keys or IngestKeys(None), counters)
        named = {"max_body_bytes": 4 << 20, **options}
        door = GrpcEndpoint(receiver, memory, counters, host="127.0.0.1", port=0, **named)
        await door.start()
        over = asyncio.Event()
        held.extend([door, asyncio.get_running_loop(), over])
        opened.set()
        await over.wait()
        await door.stop()
        await intake.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert opened.wait(PATIENCE_S)
    door, loop, over = held
    with grpc.insecure_channel(f"127.0.0.1:{door.port}") as channel:
        try:
            yield Served(door, producer, counters, channel, loop)
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def failed(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str, int | None]:
    """Code, text and seconds to wait of a call that fails; ``None`` where no retry is asked for."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error: Any = caught.value
    trailing = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailing.get("grpc-status-details-bin", b""))
    wait_s = None
    for detail in status.details:
        info = error_details_pb2.RetryInfo()
        assert detail.Unpack(info)
        wait_s = info.retry_delay.seconds
    return error.code(), error.details(), wait_s


@pytest.mark.parametrize("compression", list(grpc.Compression))
def test_an_export_is_in_kafka_when_it_is_answered(tmp_path: Path, compression: grpc.Compression) -> None:
    with served(tmp_path) as s:
        answer = s.traces.Export(traces(span(chat("I am ada@example.org"))), compression=compression)
        assert not answer.HasField("partial_success")
        (sent,) = s.producer.sent
        assert sent.topic == "otlp_spans"
        assert b"ada@example.org" not in sent.value
        assert sent.header("lightship-lineage") == "live"
        assert s.counters.value(metrics.RPCS, "traces", "OK") == 1


def test_logs_and_metrics_have_their_services(tmp_path: Path) -> None:
    with served(tmp_path) as s:
        STUBS["logs"](s.channel).Export(logs(log("gen_ai.choice", body="x")))
        STUBS["metrics"](s.channel).Export(ExportMetricsServiceRequest())
        s.traces.Export(ExportTraceServiceRequest())
        assert [m.topic for m in s.producer.sent] == ["otlp_logs"]
        assert s.counters.value(metrics.IGNORED, "metrics") == 1


def test_the_exporter_of_the_sdk_delivers(tmp_path: Path) -> None:
    kept: list[ReadableSpan] = []
    provider = TracerProvider(shutdown_on_exit=False)
    with served(tmp_path) as s:
        exporter = OTLPSpanExporter(
            endpoint=f"http://127.0.0.1:{s.door.port}", insecure=True, compression=grpc.Compression.Gzip
        )
        for n in range(3):
            made = provider.get_tracer("t").start_span(f"chat {n}")
            made.end()
            assert isinstance(made, ReadableSpan)
            kept.append(made)
        assert exporter.export(kept) is SpanExportResult.SUCCESS
        s.producer.down = True
        timer = threading.Timer(0.5, lambda: setattr(s.producer, "down", False))
        timer.start()
        assert exporter.export(kept) is SpanExportResult.SUCCESS  # it was told to try again, and did
        timer.join()
        exporter.shutdown()
        assert s.counters.value(metrics.RPCS, "traces", "UNAVAILABLE") >= 1
        sent = [v for m in s.producer.sent for v in span_views(ExportTraceServiceRequest.FromString(m.value))]
        assert sorted(v.name for v in sent) == sorted([*(k.name for k in kept)] * 2)


def test_spans_without_ids_are_refused_in_part(tmp_path: Path) -> None:
    broken = span(chat(), span_id=2)
    broken.trace_id = b"short"
    with served(tmp_path) as s:
        answer = s.traces.Export(traces(span(chat()), broken))
        assert answer.partial_success.rejected_spans == 1
        assert "1 without a trace id" in answer.partial_success.error_message
        assert s.producer.sent[0].header("lightship-records") == "1"


def test_what_kafka_does_not_take_may_be_sent_again_in_a_second(tmp_path: Path) -> None:
    with served(tmp_path) as s:
        s.producer.down = True
        code, _, wait_s = failed(lambda: s.traces.Export(traces(span(chat()))))
        assert (code, wait_s) == (grpc.StatusCode.UNAVAILABLE, 1)
        s.producer.down = False
        s.traces.Export(traces(span(chat())))
        assert len(s.producer.sent) == 1


def test_garbage_is_an_invalid_argument(tmp_path: Path) -> None:
    with served(tmp_path) as s:
        code, text, wait_s = failed(lambda: s.raw(b"\xff\xff"))
        assert (code, wait_s) == (grpc.StatusCode.INVALID_ARGUMENT, None)
        assert "not an OTLP protobuf" in text
        code, _, _ = failed(lambda: s.raw(b"\x1f\x8bxx"))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        code, text, _ = failed(lambda: s.stream(iter(())))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "no message" in text
        code, _, _ = failed(lambda: s.raw(b"", "/nothing.Here/Export"))
        assert code is grpc.StatusCode.UNIMPLEMENTED
        assert s.counters.value(metrics.REJECTED, "bad_request") == 2


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_large_message_is_refused_for_good_by_what_it_unpacks_to(
    tmp_path: Path, compression: grpc.Compression
) -> None:
    big = traces(span({**chat(), "x": "a" * 300_000}))
    with served(tmp_path, max_body_bytes=200_000) as s:
        code, _, wait_s = failed(lambda: s.traces.Export(big, compression=compression))
        assert (code, wait_s) == (grpc.StatusCode.RESOURCE_EXHAUSTED, None)
        deadline = time.monotonic() + PATIENCE_S
        while not s.counters.value(metrics.REJECTED, "too_large"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert s.producer.sent == []
        assert s.counters.value(metrics.IN_FLIGHT_BYTES) == 0


def test_the_key_comes_in_metadata_and_is_asked_for_before_the_message(tmp_path: Path) -> None:
    held = (
        Key("alpha", hash_of(b"k-alpha")),
        Key("alpha", hash_of(b"k-old"), revoked="2026-11-27T09:00:00Z"),
    )
    with served(tmp_path, keys=IngestKeys(KeyFile(held))) as s:
        request = traces(span(chat()))
        for name, value in (("authorization", "Bearer k-alpha"), ("x-api-key", "k-alpha")):
            s.traces.Export(request, metadata=((name, value),))
        assert {m.header("lightship-tenant") for m in s.producer.sent} == {"alpha"}
        code, _, wait_s = failed(lambda: s.traces.Export(request))
        assert (code, wait_s) == (grpc.StatusCode.UNAUTHENTICATED, None)
        code, _, _ = failed(lambda: s.traces.Export(request, metadata=(("x-api-key", "k-old"),)))
        assert code is grpc.StatusCode.PERMISSION_DENIED

        def never() -> Iterator[bytes]:
            time.sleep(PATIENCE_S / 4)
            yield b""

        began = time.monotonic()
        code, _, _ = failed(lambda: s.stream(never()))
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert time.monotonic() - began < PATIENCE_S / 4  # it was answered before there was a message


def test_a_quota_asks_to_wait(tmp_path: Path) -> None:
    key = Key("alpha", hash_of(b"k"), quotas=Quotas(records_per_s=2.0, burst_s=1.0))
    with served(tmp_path, keys=IngestKeys(KeyFile((key,)))) as s:
        many = traces(*(span(chat(), span_id=n) for n in range(1, 11)))
        mine = (("x-api-key", "k"),)
        s.traces.Export(many, metadata=mine)
        code, text, wait_s = failed(lambda: s.traces.Export(many, metadata=mine))
        assert (code, wait_s) == (grpc.StatusCode.RESOURCE_EXHAUSTED, 4)
        assert "records_per_s" in text


def test_lineage_backfill_and_marks_are_metadata(tmp_path: Path) -> None:
    with served(tmp_path) as s:
        s.traces.Export(traces(span(chat())), metadata=(("lightship-lineage", "demo-1"),))
        s.traces.Export(traces(span(chat())), metadata=(("lightship-backfill", "1"),))
        assert [m.header("lightship-lineage") for m in s.producer.sent] == ["demo-1", "live"]
        assert [m.header("lightship-backfill") for m in s.producer.sent] == [None, "1"]
        end = (("lightship-lineage", "demo-1"), ("lightship-lineage-end", "1"))
        s.traces.Export(ExportTraceServiceRequest(), metadata=end)
        assert {m.header("lightship-lineage-end") for m in s.producer.sent[2:]} == {"1"}
        wrong = (("lightship-lineage", "Demo"),)
        code, _, _ = failed(lambda: s.traces.Export(traces(span(chat())), metadata=wrong))
        assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_message_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    def never() -> Iterator[bytes]:
        time.sleep(PATIENCE_S / 2)
        yield b""

    with served(tmp_path, body_timeout_s=0.2) as s:
        code, _, _ = failed(lambda: s.stream(never()))
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert s.counters.value(metrics.REJECTED, "too_slow") == 1


def test_waiting_messages_are_bounded_together_with_those_of_http(tmp_path: Path) -> None:
    request = traces(span({**chat(), "x": "a" * 40_000}))
    with served(tmp_path, max_in_flight_bytes=100_000) as s:
        held = s.hold()
        waiting = [s.traces.Export.future(request, timeout=PATIENCE_S) for _ in range(5)]
        deadline = time.monotonic() + PATIENCE_S
        while sum(f.done() for f in waiting) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        refused = [failed(f.result)[::2] for f in waiting if f.done()]
        assert refused == [(grpc.StatusCode.UNAVAILABLE, 1)] * 3
        s.loop.call_soon_threadsafe(held.set)
        done = [f for f in waiting if f.exception() is None]
        assert len(done) == 2
        assert s.counters.value(metrics.IN_FLIGHT_BYTES) == 0


def test_connections_are_bounded(tmp_path: Path) -> None:
    with served(tmp_path, max_connections=2) as s:
        s.traces.Export(traces(span(chat())))
        with s.connect() as second, s.connect() as third:
            STUBS["traces"](second).Export(traces(span(chat())))
            code, _, _ = failed(lambda: STUBS["traces"](third).Export(traces(span(chat())), timeout=1.0))
            assert code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        assert len(s.producer.sent) == 2


def test_calls_under_way_are_answered_before_the_door_closes(tmp_path: Path) -> None:
    with served(tmp_path) as s:
        held = s.hold()
        waiting = s.traces.Export.future(traces(span(chat())), timeout=PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        while not s.counters.value(metrics.IN_FLIGHT_BYTES):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        closing = asyncio.run_coroutine_threadsafe(s.door.stop(), s.loop)
        time.sleep(0.1)
        s.loop.call_soon_threadsafe(held.set)
        closing.result(PATIENCE_S)
        waiting.result()
        assert len(s.producer.sent) == 1


def test_a_port_that_is_taken_is_said_so(tmp_path: Path) -> None:
    with served(tmp_path) as s:

        async def again() -> None:
            intake = intake_over(tmp_path, s.producer, s.counters)
            receiver = Receiver(intake, IngestKeys(None), s.counters)
            memory = Memory(1, s.counters)
            second = GrpcEndpoint(
                receiver, memory, s.counters, host="127.0.0.1", port=s.door.port, max_body_bytes=1
            )
            with pytest.raises(Misconfigured, match="choose another"):
                await second.start()

        asyncio.run(again())
