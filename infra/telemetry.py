"""Our own numbers through OpenTelemetry: what ``/metrics`` shows, pushed as OTLP to whoever collects.

Nothing is counted twice: the instruments read the same values when they are asked. Source: OpenTelemetry
metrics API, asynchronous instruments; OTLP over HTTP in protobuf.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

COUNTER, GAUGE = "counter", "gauge"
EXPORT_TIMEOUT_S = 5.0
STOP_S = 2.0

Values = Iterable[tuple[Mapping[str, str], float]]
"""Labels and the value they have now."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric: ``kind`` is `COUNTER` or `GAUGE`; ``read`` may be called by any thread."""

    name: str
    kind: str
    help: str
    read: Callable[[], Values]


def export_metrics(
    instruments: Sequence[Instrument], endpoint: str, service: str, every_s: float
) -> Callable[[], None]:
    """Push the instruments' values every ``every_s`` seconds; call what is returned to stop.

    ``endpoint`` is that of a collector, ``http://host:4318``; one that does not answer costs nothing but its
    samples.
    """
    exporter = OTLPMetricExporter(f"{endpoint.rstrip('/')}/v1/metrics", timeout=EXPORT_TIMEOUT_S)
    reader = PeriodicExportingMetricReader(exporter, every_s * 1000, EXPORT_TIMEOUT_S * 1000)
    provider = MeterProvider(
        [reader], Resource({"service.name": f"lightship-{service}"}), shutdown_on_exit=False
    )
    meter = provider.get_meter("lightship")
    for one in instruments:
        create = meter.create_observable_counter if one.kind == COUNTER else meter.create_observable_gauge
        create(one.name, [functools.partial(_observe, one)], description=one.help)
    return functools.partial(provider.shutdown, STOP_S * 1000)


def _observe(instrument: Instrument, _options: CallbackOptions) -> Iterator[Observation]:
    for labels, value in instrument.read():
        yield Observation(value, dict(labels))
