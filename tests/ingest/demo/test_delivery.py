"""The shared exporter: nothing lost while the gateway refuses, whole slices in order of time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from infra.clock import NS_PER_S
from ingest.demo.clock import Latency
from ingest.demo.delivery import BATCH_SPANS, GIVE_UP_S, EventTimeExporter, EventTimes, happening
from ingest.errors import Unavailable

START_NS = 1_700_000_000_000_000_000


class Gateway(SpanExporter):
    """Takes batches after refusing as often as it is told to."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.batches: list[list[ReadableSpan]] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.refusals:
            self.refusals -= 1
            return SpanExportResult.FAILURE
        self.batches.append(list(spans))
        return SpanExportResult.SUCCESS


class Watch:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0

    def now_ns(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * NS_PER_S)


class Bench:
    """Two providers that share one exporter."""

    def __init__(self, gateway: Gateway) -> None:
        self.exporter = EventTimeExporter(gateway, lambda _span, _label: Latency(NS_PER_S), Watch())
        self.tracers = []
        for service in ("a", "b"):
            provider = TracerProvider(shutdown_on_exit=False)
            provider.add_span_processor(EventTimes(self.exporter))
            provider.add_span_processor(SimpleSpanProcessor(self.exporter))
            self.tracers.append(provider.get_tracer(service))

    def call(self, tracer: int, at_ns: int, label: str = "x") -> None:
        with happening(at_ns, label), self.tracers[tracer].start_as_current_span("call"):
            pass


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def bench(gateway: Gateway) -> Iterator[Bench]:
    made = Bench(gateway)
    yield made
    made.exporter.shutdown()


def test_both_services_of_a_slice_go_out_by_end_time(gateway: Gateway, bench: Bench) -> None:
    offsets = [50, 10, 40, 20, 30]
    for i, offset in enumerate(offsets):
        bench.call(i % 2, START_NS + offset * NS_PER_S, f"trace-{offset}")
    delivered = bench.exporter.deliver()
    bench.exporter.wait()
    (batch,) = gateway.batches
    assert [label for label, _ in delivered] == [f"trace-{o}" for o in sorted(offsets)]
    assert [s.end_time for s in batch] == [START_NS + (o + 1) * NS_PER_S for o in sorted(offsets)]


def test_a_refused_batch_is_offered_until_it_is_taken(gateway: Gateway, bench: Bench) -> None:
    gateway.refusals = 5
    for i in range(3):
        bench.call(0, START_NS + i)
        bench.exporter.deliver()
    bench.exporter.wait()
    assert [s.start_time for batch in gateway.batches for s in batch] == [
        START_NS,
        START_NS + 1,
        START_NS + 2,
    ]


def test_a_gateway_that_takes_nothing_stops_the_run(gateway: Gateway, bench: Bench) -> None:
    gateway.refusals = 10**6
    bench.call(0, START_NS)
    bench.exporter.deliver()
    with pytest.raises(Unavailable, match=f"no spans for {GIVE_UP_S:.0f} s"):
        bench.exporter.wait()


def test_large_slices_are_cut_into_batches_in_order(gateway: Gateway, bench: Bench) -> None:
    for i in range(BATCH_SPANS + 3):
        bench.call(0, START_NS + i)
    bench.exporter.deliver()
    bench.exporter.wait()
    assert [len(b) for b in gateway.batches] == [BATCH_SPANS, 3]
    starts = [s.start_time or 0 for b in gateway.batches for s in b]
    assert starts == sorted(starts)


def test_a_trace_outside_of_the_schedule_keeps_its_time(gateway: Gateway, bench: Bench) -> None:
    with bench.tracers[0].start_as_current_span("call"):
        pass
    ((label, span),) = bench.exporter.deliver()
    bench.exporter.wait()
    assert label == ""
    assert (span.start_time or 0) > START_NS


def test_nothing_kept_sends_nothing(gateway: Gateway, bench: Bench) -> None:
    assert bench.exporter.deliver() == []
    bench.exporter.wait()
    assert gateway.batches == []


def test_a_stopped_run_gives_up_at_once() -> None:
    """Leaving must not wait for a gateway that takes nothing."""

    class Full(Gateway):
        def __init__(self) -> None:
            super().__init__(refusals=10**9)
            self.asked = threading.Event()

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            self.asked.set()
            return super().export(spans)

    class Frozen(Watch):
        def sleep(self, seconds: float) -> None:
            time.sleep(min(seconds, 0.001))  # time stands still: the run would wait for ever

    gateway = Full()
    exporter = EventTimeExporter(gateway, lambda _span, _label: None, Frozen())
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("a").start_span("call").end()
    exporter.deliver()
    assert gateway.asked.wait(10)
    exporter.shutdown()
    with pytest.raises(Unavailable, match="stopped"):
        exporter.wait()
