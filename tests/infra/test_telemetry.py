"""Our own numbers, pushed to a collector that is a loopback server."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from infra.telemetry import COUNTER, GAUGE, Instrument, export_metrics

PATIENCE_S = 20.0


class Collector(ThreadingHTTPServer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[ExportMetricsServiceRequest] = []
        self.came = threading.Event()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/metrics"
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers["content-encoding"] == "gzip":
            body = gzip.decompress(body)
        self.server.got.append(ExportMetricsServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
        self.server.came.set()

    def log_message(self, *_: object) -> None:
        """Not to the terminal."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(PATIENCE_S)


def test_values_are_those_of_the_moment_under_their_labels(collector: Collector) -> None:
    values = {"a": 1.0, "b": 2.0}
    instruments = [
        Instrument(
            "taken", COUNTER, "What was taken.", lambda: [({"kind": k}, v) for k, v in values.items()]
        ),
        Instrument("open", GAUGE, "What is open.", lambda: [({}, 7.0)]),
    ]
    stop = export_metrics(instruments, collector.endpoint, "gateway", 3600)
    values["b"] = 5.0
    stop()  # pushes once more
    assert collector.came.wait(PATIENCE_S)
    (resource,) = collector.got[-1].resource_metrics
    assert {a.key: a.value.string_value for a in resource.resource.attributes}["service.name"] == (
        "lightship-gateway"
    )
    taken, opened = sorted(resource.scope_metrics[0].metrics, key=lambda m: m.name, reverse=True)
    assert taken.sum.is_monotonic
    points = {p.attributes[0].value.string_value: p.as_double for p in taken.sum.data_points}
    assert points == {"a": 1.0, "b": 5.0}
    assert opened.gauge.data_points[0].as_double == 7.0


def test_a_collector_that_is_not_there_harms_nobody() -> None:
    stop = export_metrics([], "http://127.0.0.1:9", "gateway", 3600)
    stop()
