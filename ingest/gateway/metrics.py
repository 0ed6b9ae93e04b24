"""What the gateway counts, as one typed list, and its text on ``/metrics``.

Format: Prometheus text exposition 0.0.4. Values are of this process since its start.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.metrics_key import PRIVATE_LABELS
from infra.telemetry import Instrument


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: ``kind`` is ``counter`` or ``gauge``, ``labels`` the names each value carries."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


REQUESTS = Metric(
    "lightship_gateway_requests_total", "counter", "Answered requests by signal and HTTP status.",
    ("signal", "status"),
)  # fmt: skip
RPCS = Metric(
    "lightship_gateway_rpcs_total", "counter", "Answered gRPC calls by signal and status code.",
    ("signal", "code"),
)  # fmt: skip
SPANS = Metric("lightship_gateway_spans_total", "counter", "Spans acknowledged by Kafka.", ("tenant",))
LOG_RECORDS = Metric(
    "lightship_gateway_log_records_total", "counter", "Log records acknowledged by Kafka.", ("tenant",)
)
REJECTED = Metric(
    "lightship_gateway_rejected_total",
    "counter",
    "Requests, connections and single records refused, by reason.",
    ("reason",),
)
IGNORED = Metric("lightship_gateway_ignored_total", "counter", "Requests accepted and not used.", ("signal",))
REDACTIONS = Metric("lightship_gateway_redactions_total", "counter", "Values removed, by type.", ("type",))
REDACTION_RESTARTS = Metric(
    "lightship_gateway_redaction_restarts_total",
    "counter",
    "Processes for redaction that died or were killed.",
)
BODY_BYTES = Metric("lightship_gateway_body_bytes_total", "counter", "Bytes of bodies, decompressed.")
MESSAGES = Metric(
    "lightship_gateway_messages_total", "counter", "Messages acknowledged by Kafka.", ("topic",)
)
FAILED_MESSAGES = Metric(
    "lightship_gateway_failed_messages_total", "counter", "Messages Kafka did not acknowledge.", ("topic",)
)
ACK_SECONDS = Metric("lightship_gateway_ack_seconds_total", "counter", "Time spent waiting for Kafka.")
JUDGEMENTS = Metric(
    "lightship_gateway_judgements_total", "counter", "Scores and feedback acknowledged, by door.", ("door",)
)
CHANGES = Metric("lightship_gateway_changes_total", "counter", "Recorded changes acknowledged.", ("tenant",))
MARKS = Metric("lightship_gateway_clock_marks_total", "counter", "Clock marks sent on.")
IN_FLIGHT_BYTES = Metric("lightship_gateway_in_flight_bytes", "gauge", "Bytes held of unanswered requests.")
CONNECTIONS = Metric("lightship_gateway_connections", "gauge", "Open HTTP connections.")
KAFKA_UP = Metric("lightship_gateway_kafka_up", "gauge", "1 if the last message was acknowledged.")
KEYS_OK = Metric("lightship_gateway_key_file_ok", "gauge", "0 if the key file cannot be read any more.")

ALL = (
    REQUESTS, RPCS, SPANS, LOG_RECORDS, JUDGEMENTS, CHANGES, REJECTED, IGNORED, REDACTIONS,
    REDACTION_RESTARTS, BODY_BYTES, MESSAGES, FAILED_MESSAGES, ACK_SECONDS, MARKS, IN_FLIGHT_BYTES,
    CONNECTIONS, KAFKA_UP, KEYS_OK,
)  # fmt: skip
"""Every metric of the gateway, in the order of their text."""


class Metrics:
    """The values of the metrics of one process."""

    def __init__(self, listed: Sequence[Metric] = ALL) -> None:
        self._values: dict[Metric, dict[tuple[str, ...], float]] = {
            m: {} if m.labels else {(): 0.0} for m in listed
        }

    def add(self, metric: Metric, *labels: str, n: float = 1) -> None:
        """Count ``n`` more."""
        values = self._values[metric]
        values[labels] = values.get(labels, 0.0) + n

    def set(self, metric: Metric, value: float) -> None:
        """Set a gauge without labels."""
        self._values[metric][()] = value

    def value(self, metric: Metric, *labels: str) -> float:
        """Present value; 0 for labels never seen."""
        return self._values[metric].get(labels, 0.0)

    def points(self, metric: Metric) -> list[tuple[dict[str, str], float]]:
        """Labels and value of everything counted so far."""
        values = list(self._values[metric].items())  # in one step: another thread may be asking
        return [(dict(zip(metric.labels, k, strict=True)), v) for k, v in values]

    def instruments(self) -> list[Instrument]:
        """The same for OpenTelemetry."""
        return [
            Instrument(m.name.removesuffix("_total"), m.kind, m.help, functools.partial(self.points, m))
            for m in self._values
        ]

    def render(self, *, whole: bool = False) -> str:
        """The text of ``/metrics``; unless ``whole``, numbers of single tenants are added up."""
        lines: list[str] = []
        for metric in self._values:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
            lines += [f"{name} {value:g}" for name, value in self._of(metric, whole=whole)]
        return "\n".join(lines) + "\n"

    def samples(self, *, whole: bool = False) -> dict[str, float]:
        """Every value by its name with labels, as `render` has them."""
        return {name: value for metric in self._values for name, value in self._of(metric, whole=whole)}

    def _of(self, metric: Metric, *, whole: bool) -> Iterator[tuple[str, float]]:
        shown = [i for i, name in enumerate(metric.labels) if whole or name not in PRIVATE_LABELS]
        sums: dict[tuple[str, ...], float] = {}
        for labels, value in list(self._values[metric].items()):
            kept = tuple(labels[i] for i in shown)
            sums[kept] = sums.get(kept, 0.0) + value
        names = [metric.labels[i] for i in shown]
        for labels, value in sorted(sums.items()):
            pairs = ",".join(f'{k}="{_escaped(v)}"' for k, v in zip(names, labels, strict=True))
            yield (f"{metric.name}{{{pairs}}}" if pairs else metric.name), value


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
