"""The exporter the two apps share: it moves finished spans to event time and delivers them in order.

Both services of a slice go out together, sorted by end time, so that neither service's records are late by
the other's clock.
"""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from infra.clock import NS_PER_S, Clock, SystemClock
from ingest.demo.clock import LatencyOf, lay_out
from ingest.errors import Unavailable

BATCH_SPANS = 512
"""Spans of one request; a slice is a fraction of it."""
GIVE_UP_S = 300.0
"""How long a batch is offered to a gateway that does not take it."""

Delivered = tuple[str, ReadableSpan]
"""A span as it was sent, with the label of its trace ("" for none)."""

_happening: ContextVar[tuple[int, str] | None] = ContextVar("happening", default=None)


@contextlib.contextmanager
def happening(at_ns: int, label: str) -> Iterator[None]:
    """Traces begun inside belong to event time ``at_ns``; ``label`` names them in draws."""
    token = _happening.set((at_ns, label))
    try:
        yield
    finally:
        _happening.reset(token)


class EventTimeExporter(SpanExporter):
    """Wraps the exporter that reaches the gateway.

    ``export`` only keeps spans, `deliver` sends what was kept while the next slice is made. Nothing is lost
    unless `Unavailable` was raised.
    """

    def __init__(self, inner: SpanExporter, latency: LatencyOf, clock: Clock | None = None) -> None:
        self._inner = inner
        self._latency = latency
        self._clock = clock or SystemClock()
        self._starts: dict[int, tuple[int, str]] = {}
        self._traces: dict[int, list[ReadableSpan]] = defaultdict(list)
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="delivery")
        self._sending: Future[None] | None = None
        self._stopped = threading.Event()

    def begin(self, span: Span) -> None:
        """Note when the trace of a root span happens; a trace begun outside of `happening` keeps its time."""
        at = _happening.get()
        if at is not None and span.parent is None:
            self._starts[span.get_span_context().trace_id] = at

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep finished spans until `deliver`."""
        for span in spans:
            self._traces[span.context.trace_id].append(span)
        return SpanExportResult.SUCCESS

    def deliver(self) -> list[Delivered]:
        """Move every kept trace to its event time, hand all to the sender, and return them by end time.

        Waits for the batch before.

        Raises
        ------
        Unavailable
            If the gateway did not take the batch before for `GIVE_UP_S`.
        """
        moved: list[Delivered] = []
        for trace_id, spans in self._traces.items():
            known = self._starts.pop(trace_id, None)
            label = known[1] if known else ""
            moved += [(label, s) for s in (lay_out(spans, *known, self._latency) if known else spans)]
        self._traces.clear()
        moved.sort(key=lambda m: m[1].end_time or 0)
        self.wait()
        if moved:
            self._sending = self._sender.submit(self._send, [span for _, span in moved])
        return moved

    def wait(self) -> None:
        """Wait until everything handed over has been acknowledged.

        Raises
        ------
        Unavailable
            As in `deliver`.
        """
        if self._sending is not None:
            self._sending.result()
            self._sending = None

    def shutdown(self) -> None:
        """Deliver nothing more; a batch that is not taken yet is given up."""
        self._stopped.set()
        self._inner.shutdown()
        self._sender.shutdown(cancel_futures=True)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing to do: whole slices are delivered, never single spans."""
        return timeout_millis > 0

    def _send(self, spans: list[ReadableSpan]) -> None:
        deadline_ns = self._clock.now_ns() + round(GIVE_UP_S * NS_PER_S)
        for first in range(0, len(spans), BATCH_SPANS):
            while self._inner.export(spans[first : first + BATCH_SPANS]) is not SpanExportResult.SUCCESS:
                if self._stopped.is_set():
                    raise Unavailable("the run was stopped before the gateway took its last spans")
                if self._clock.now_ns() > deadline_ns:
                    raise Unavailable(
                        f"the gateway took no spans for {GIVE_UP_S:.0f} s: `lightship doctor` says why"
                    )
                self._clock.sleep(0.5)


class EventTimes(SpanProcessor):
    """Tells the exporter when each trace begins."""

    def __init__(self, exporter: EventTimeExporter) -> None:
        self._exporter = exporter

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's signature
        """See `EventTimeExporter.begin`."""
        self._exporter.begin(span)
