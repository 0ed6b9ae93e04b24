"""The exporter without a broker: encoding, bounds, flush, drops, forks, what it imports."""

from __future__ import annotations

import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs as their_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as their_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from ingest.otlp.views import parse_traces, span_views
from lightship_exporter import KafkaSpanExporter
from lightship_exporter.delivery import Delivery
from lightship_exporter.logs import encode_logs
from lightship_exporter.settings import ExporterSettings
from lightship_exporter.spans import encode_spans
from lightship_exporter.values import fill_value

PATIENCE_S = 20.0


@dataclass
class _Acknowledged:
    broker: Broker
    message: Sent

    def get(self, timeout: float) -> None:
        if not self.broker.answers.wait(min(timeout, 0.05)):
            raise KafkaTimeoutError("no answer")
        if len(self.message.value) > self.broker.takes_bytes:
            raise MessageSizeTooLargeError("too large")
        self.broker.stored.append(self.message)


@dataclass(frozen=True)
class Sent:
    """A message as it was sent."""

    topic: str
    value: bytes
    key: bytes
    headers: Mapping[str, bytes]

    def spans(self) -> list[str]:
        return [v.name for v in span_views(parse_traces(self.value))]


@dataclass
class Broker:
    """A broker of one partition in memory; it answers while ``answers`` is set."""

    answers: threading.Event = field(default_factory=threading.Event)
    stored: list[Sent] = field(default_factory=list)
    sends: int = 0
    takes_bytes: int = 1 << 30

    def connect(self, _: ExporterSettings) -> Broker:
        return self

    def send(self, topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]]) -> _Acknowledged:
        self.sends += 1
        return _Acknowledged(self, Sent(topic, value, key, dict(headers)))

    def close(self, timeout: float) -> None:
        pass


@pytest.fixture(name="broker")
def a_broker() -> Broker:
    broker = Broker()
    broker.answers.set()
    return broker


def exporter(broker: Broker, **settings: Any) -> KafkaSpanExporter:
    """An exporter to that broker."""
    made = KafkaSpanExporter.__new__(KafkaSpanExporter)
    made._delivery = Delivery("otlp_spans_in", ExporterSettings(**settings), broker.connect)
    return made


def spans_of(*names: str, attributes: Mapping[str, Any] | None = None) -> list[ReadableSpan]:
    """Finished spans."""
    kept: list[ReadableSpan] = []
    provider = TracerProvider(resource=Resource({"service.name": "harbour"}), shutdown_on_exit=False)
    tracer = provider.get_tracer("app", "1.0", attributes={"a": 1})
    for name in names:
        span = tracer.start_span(name, attributes=dict(attributes or {}))
        span.end()
        assert isinstance(span, ReadableSpan)
        kept.append(span)
    return kept


VALUES = st.one_of(
    st.text(max_size=20),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(),
    st.lists(st.text(max_size=5), max_size=4),
    st.lists(st.integers(-9, 9), max_size=4),
)


@given(st.dictionaries(st.text(min_size=1, max_size=12), VALUES, max_size=6), st.integers(0, 4))
def test_spans_are_encoded_as_the_otlp_exporter_does(attributes: dict[str, Any], number: int) -> None:
    provider = TracerProvider(
        resource=Resource({"service.name": "harbour", "n": 3}, "https://schema.test/1"),
        shutdown_on_exit=False,
    )
    made: list[ReadableSpan] = []
    for scope in ("one", "two"):
        tracer = provider.get_tracer(scope, "2", schema_url="https://schema.test/2", attributes={"x": "y"})
        for n in range(number):
            other = SpanContext(7 + n, 9, is_remote=bool(n % 2), trace_flags=TraceFlags(1))
            with tracer.start_as_current_span(
                f"span {n}", kind=list(SpanKind)[n], attributes=attributes, links=[Link(other, {"l": n})]
            ) as span:
                span.add_event("event", attributes)
                if n == 1:
                    span.set_status(Status(StatusCode.ERROR, "it broke"))
                with tracer.start_as_current_span("inner") as inner:
                    pass
            assert isinstance(span, ReadableSpan)
            assert isinstance(inner, ReadableSpan)
            made += [inner, span]
    assert ExportTraceServiceRequest.FromString(encode_spans(made)) == their_spans(made)


def test_the_state_of_a_trace_is_carried_for_links_too() -> None:
    state = TraceState([("ot", "th:8"), ("app", "x")])
    context = SpanContext(7, 9, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
    (span,) = spans_of("a")
    linked = ReadableSpan(
        "b", context, links=[Link(context)], resource=span.resource, start_time=1, end_time=2
    )
    (out,) = (
        ExportTraceServiceRequest.FromString(encode_spans([linked])).resource_spans[0].scope_spans[0].spans
    )
    assert out.trace_state == out.links[0].trace_state == "ot=th:8,app=x"


@given(
    st.dictionaries(st.text(min_size=1, max_size=12), VALUES, max_size=6),
    st.one_of(st.none(), st.text(max_size=9), st.dictionaries(st.text(max_size=5), VALUES, max_size=3)),
)
def test_log_records_are_encoded_as_the_otlp_exporter_does(attributes: dict[str, Any], body: Any) -> None:
    scope = InstrumentationScope("app", "1", "https://schema.test/3", {"s": 1})
    records = [
        ReadableLogRecord(
            LogRecord(
                timestamp=5 + n,
                observed_timestamp=6,
                severity_number=SeverityNumber.WARN if n else None,
                severity_text="warn",
                body=body,
                attributes=attributes,
                event_name="gen_ai.choice" if n else None,
            ),
            Resource({"service.name": "harbour"}),
            scope,
        )
        for n in range(3)
    ]
    mine = ExportLogsServiceRequest.FromString(encode_logs(records))
    theirs = their_logs(records)
    for request in (mine, theirs):  # an absent body and an empty one are the same to a reader
        for record in request.resource_logs[0].scope_logs[0].log_records:
            if record.body.WhichOneof("value") is None:
                record.ClearField("body")
    assert mine == theirs


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1 << 70, "string_value"),
        ("cut \ud83d", "string_value"),
        (object(), "string_value"),
        ({"k\ud83d": {1, 2}}, "kvlist_value"),
        (b"\xff", "bytes_value"),
        ((), "array_value"),
    ],
)
def test_odd_values_are_encoded_all_the_same(value: Any, kind: str) -> None:
    out = AnyValue()
    fill_value(out, value)
    assert out.WhichOneof("value") == kind
    assert AnyValue.FromString(out.SerializeToString()) == out


def test_a_value_that_contains_itself_ends() -> None:
    circle: list[Any] = []
    circle.append(circle)
    fill_value(AnyValue(), circle)


def test_everything_is_there_after_a_flush_of_the_provider(broker: Broker) -> None:
    """The batch processor of the SDK does not flush its exporter; ours waits all the same."""
    out = exporter(broker)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(out, max_export_batch_size=10))
    for n in range(95):
        provider.get_tracer("app").start_span(f"{n}").end()
    assert provider.force_flush()
    assert [name for m in broker.stored for name in m.spans()] == [str(n) for n in range(95)]
    assert {(m.topic, m.key) for m in broker.stored} == {("otlp_spans_in", broker.stored[0].key)}
    assert [int(m.headers["lightship-sequence"]) for m in broker.stored] == list(range(len(broker.stored)))
    provider.shutdown()


def test_export_does_not_wait_for_kafka_but_a_flush_does(broker: Broker) -> None:
    broker.answers.clear()
    out = exporter(broker, timeout_s=0.2)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(out))
    provider.add_span_processor(BatchSpanProcessor(out))
    began = time.monotonic()
    for n in range(50):
        provider.get_tracer("app").start_span(f"{n}").end()
    assert time.monotonic() - began < 50 * 0.2 / 2  # had each waited for as long as it may
    assert not out.force_flush(100)
    broker.answers.set()
    provider.force_flush()
    assert out.force_flush(10_000)
    assert len({name for m in broker.stored for name in m.spans()}) == 50
    provider.shutdown()


def test_what_failed_is_sent_again_before_what_came_after(broker: Broker) -> None:
    broker.answers.clear()
    out = exporter(broker)
    out.export(spans_of("a"))
    wait(lambda: broker.sends >= 2)
    out.export(spans_of("b"))
    broker.answers.set()
    assert out.force_flush()
    assert [m.spans() for m in broker.stored] == [["a"], ["b"]]
    assert [m.headers["lightship-sequence"] for m in broker.stored] == [b"0", b"1"]
    out.shutdown()


def test_memory_is_bounded_and_what_is_dropped_is_told(broker: Broker) -> None:
    broker.answers.clear()
    out = exporter(broker, memory_bytes=100_000)
    big = {"text": "x" * 30_000}
    results = [out.export(spans_of(f"{n}", attributes=big)) for n in range(6)]
    assert results == [SpanExportResult.SUCCESS] * 3 + [SpanExportResult.FAILURE] * 3
    assert out.dropped == 3
    broker.answers.set()
    assert out.force_flush()
    assert broker.stored[-1].value == b""
    assert broker.stored[-1].headers["lightship-dropped"] == b"3"
    assert out.export(spans_of("after")) is SpanExportResult.SUCCESS
    out.shutdown()
    assert broker.stored[-1].spans() == ["after"]


def test_a_batch_that_is_too_large_is_divided_and_a_span_dropped_alone(broker: Broker) -> None:
    out = exporter(broker, message_bytes=10_000)
    small = [spans_of(f"{n}", attributes={"text": "x" * 2000})[0] for n in range(20)]
    (large,) = spans_of("large", attributes={"text": "x" * 20_000})
    assert out.export([*small, large]) is SpanExportResult.FAILURE
    assert out.force_flush()
    assert sorted((n for m in broker.stored for n in m.spans()), key=int) == [str(n) for n in range(20)]
    assert all(len(m.value) <= 10_000 for m in broker.stored)
    assert out.dropped == 1
    out.shutdown()


def test_a_message_kafka_never_takes_does_not_hold_up_others(broker: Broker) -> None:
    broker.takes_bytes = 1000
    out = exporter(broker)
    out.export(spans_of("large", attributes={"text": "x" * 2000}))
    out.export(spans_of("small"))
    assert out.force_flush()
    assert [n for m in broker.stored for n in m.spans()] == ["small"]
    assert out.dropped == 1
    out.shutdown()


def test_a_producer_that_cannot_be_closed_does_not_end_the_sending(broker: Broker) -> None:
    class Breaks(Broker):
        def send(self, *args: Any) -> _Acknowledged:
            if not self.sends:
                self.sends += 1
                raise struct.error
            return broker.send(*args)

        def close(self, timeout: float) -> None:
            raise ValueError(timeout)

    out = exporter(Breaks())
    out.export(spans_of("a"))
    assert out.force_flush()
    assert [n for m in broker.stored for n in m.spans()] == ["a"]
    out.shutdown()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_sending_thread_that_has_ended_begins_anew_with_the_next_batch(broker: Broker) -> None:
    class Ends(Broker):
        def connect(self, _: ExporterSettings) -> Broker:
            if not self.sends:
                self.sends += 1
                raise SystemExit
            return broker

    out = exporter(Ends())
    out.export(spans_of("a"))
    thread = out._delivery._thread
    assert thread is not None
    thread.join(PATIENCE_S)
    out.export(spans_of("b"))
    assert out.force_flush()
    assert [n for m in broker.stored for n in m.spans()] == ["a", "b"]
    out.shutdown()


def test_a_shutdown_ends_in_time_and_says_what_it_gave_up(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.answers.clear()
    out = exporter(broker)
    out.export(spans_of("a", "b", "c"))
    began = time.monotonic()
    out.shutdown(300)
    assert time.monotonic() - began < 5
    assert out.dropped == 3
    assert "3 records are dropped" in caplog.text
    out.shutdown()
    assert out.export(spans_of("d")) is SpanExportResult.FAILURE
    assert out.dropped == 4


def test_an_exporter_that_sent_nothing_ends_at_once(broker: Broker) -> None:
    out = exporter(broker)
    assert out.force_flush(0)
    out.shutdown()
    assert broker.sends == 0


def test_the_ingest_key_goes_with_every_message_and_into_no_text(broker: Broker) -> None:
    settings = ExporterSettings(ingest_key="a secret", security={"sasl_plain_password": "another"})
    assert "secret" not in repr(settings)
    assert "another" not in repr(settings)
    out = exporter(broker, ingest_key="a secret")
    out.export(spans_of("a"))
    out.shutdown()
    assert broker.stored[0].headers["lightship-key"] == b"a secret"


def wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


FORKS = """
import os, sys, time
from lightship_exporter import KafkaSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
out = KafkaSpanExporter()
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(BatchSpanProcessor(out))
provider.get_tracer("app").start_span("parent").end()
out.export([])
before = out._delivery._instance
child = os.fork()
if child == 0:
    assert out._delivery._instance != before
    assert out._delivery._outbox.waiting() == 0
    provider.get_tracer("app").start_span("child").end()
    out.shutdown(100)
    os._exit(0 if out._delivery._thread is None or out.dropped >= 0 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
out.shutdown(100)
"""


def test_a_fork_starts_anew() -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS],
        env={"LIGHTSHIP_KAFKA": "127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
