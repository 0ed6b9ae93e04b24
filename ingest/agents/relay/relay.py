"""From the open topics to the redacted ones: what Collectors and exporters wrote to Kafka themselves.

``otlp_spans_in`` and ``otlp_logs_in`` are written by others, with any key and partitioner and without our
headers. Each message is an OTLP request (the Collector's ``otlp_proto``, or ``otlp_json``); it goes the
gateway's own way: redacted, split by trace, grouped, and acknowledged when Kafka has all of it. What can't be
used becomes a dead letter that holds no byte of it, and never stops a partition.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.observation import SourcePosition
from infra import kafka
from infra.clock import NS_PER_S
from ingest.agents.relay import metrics
from ingest.agents.relay.sources import Sources
from ingest.envelope import Envelope
from ingest.errors import BadRecord, Defect, IngestError, TooLarge
from ingest.gateway.ingest_keys import DEFAULT_TENANT, IngestKeys
from ingest.gateway.intake import LIVE, Intake, Origin
from ingest.gateway.metrics import Metrics
from ingest.gateway.refusal import Refused
from ingest.messages import Output, RawMessage
from ingest.otlp.otlp_json import parse_json
from ingest.otlp.redact_otlp import Request, count_records
from ingest.otlp.views import parse_logs, parse_traces
from ingest.topics.dead_letter import DeadLetter, to_output

logger = logging.getLogger(__name__)

OLDEST_NS = 2 * 3600 * NS_PER_S
"""Messages are kept for an hour: one that says it is older has no clock to be believed."""
FEW = 20
"""Defects that may be the fault of single messages; more of them in most messages are ours."""


class UnknownKey(BadRecord):
    """An ingest key that is not, or no longer, valid: whose the message is cannot be told."""


def read_request(topic: str, value: bytes) -> Request:
    """The request in a message of an open topic.

    Raises
    ------
    BadRecord
        If it is neither protobuf nor JSON of one, or of something else: the Collector writes other encodings.
    """
    is_traces = topic == kafka.SPANS_IN.name
    request: Request
    if value[:1] == b"{":  # in protobuf the tag of a field that no request has
        request = parse_json(ExportTraceServiceRequest() if is_traces else ExportLogsServiceRequest(), value)
    else:
        request = parse_traces(value) if is_traces else parse_logs(value)
    if value and not request.ListFields():
        raise BadRecord("no resource in it: set the encoding of the Collector's exporter to otlp_proto")
    return request


def received_at(stamped_ns: int, now_ns: int) -> int:
    """When a message came to the broker, as far as its timestamp can be believed; else now."""
    return stamped_ns if now_ns - OLDEST_NS <= stamped_ns <= now_ns else now_ns


class Relay:
    """Takes messages of the open topics, each in a call of its own; calls may overlap.

    Whose a message is follows from the ingest key among its headers; without one it is the default
    tenant's. The lineage is always live.
    """

    def __init__(
        self, intake: Intake, keys: IngestKeys, counters: Metrics, now_ns: Callable[[], int]
    ) -> None:
        self._intake = intake
        self._keys = keys
        self._metrics = counters
        self._now_ns = now_ns
        self._sources = Sources()
        self._taken = 0
        self._defects = 0

    async def forward(self, raw: RawMessage, stamped_ns: int) -> Output | None:
        """Send a message on; returns when Kafka has all of it, or with the dead letter to send instead.

        Raises
        ------
        Unavailable
            If Kafka did not acknowledge all of it: call again with the same message. What it has by then
            comes a second time and is recognised.
        Defect
            If most messages fail on our side: a dead letter holds nothing, so that would lose them.
        """
        received_ns = received_at(stamped_ns, self._now_ns())
        records = 0
        try:
            request = read_request(raw.topic, raw.value)
            records = count_records(request)
            origin = self._origin(raw.headers)
            refused = await self._intake.accept(request, origin, received_ns)
        except BadRecord as error:
            kind = {TooLarge: "too_large", UnknownKey: "unknown_key"}.get(type(error), "undecodable")
            return self._dead_letter(raw, received_ns, records, kind, str(error))
        except IngestError:
            raise
        except Exception as error:  # noqa: BLE001 - one message may not stop those behind it
            self._note_defect(raw, error)
            return self._dead_letter(raw, received_ns, records, "defect", f"a defect: {type(error).__name__}")
        self._metrics.set(metrics.AGE, (self._now_ns() - received_ns) / NS_PER_S)
        n_refused = sum(refused.values())
        self._count(raw, metrics.RELAYED, records - n_refused)
        self._metrics.add(metrics.RECORDS, raw.topic, metrics.REFUSED, n=n_refused)
        return None

    def _origin(self, headers: Mapping[str, bytes]) -> Origin:
        key = headers.get(kafka.HEADER_INGEST_KEY)
        if not key:
            return Origin(DEFAULT_TENANT)
        try:
            sender = self._keys.sender({b"authorization": b"Bearer " + key})
        except Refused as error:
            raise UnknownKey(f"its ingest key may not send: {error}") from error
        return Origin(sender.tenant, synthetic=sender.synthetic)

    def _dead_letter(self, raw: RawMessage, received_ns: int, records: int, kind: str, reason: str) -> Output:
        self._count(raw, metrics.DEAD, records)
        logger.warning("a dead letter at %s/%d/%d: %s", raw.topic, raw.partition, raw.offset, reason)
        source = SourcePosition(raw.topic, raw.partition, raw.offset)
        envelope = Envelope(DEFAULT_TENANT, LIVE, records, received_ns, redacted=False)
        return to_output(DeadLetter(source, envelope, kind, reason, records, raw.value))

    def _note_defect(self, raw: RawMessage, error: Exception) -> None:
        """Its message may quote content and is left out."""
        self._defects += 1
        logger.error("a defect at %s/%d/%d: %s", raw.topic, raw.partition, raw.offset, type(error).__name__)
        if self._defects > FEW and 2 * self._defects > self._taken:
            raise Defect(f"{self._defects} of {self._taken + 1} messages failed") from error

    def _count(self, raw: RawMessage, outcome: str, records: int) -> None:
        self._taken += 1
        self._metrics.add(metrics.MESSAGES, raw.topic, outcome)
        self._metrics.add(metrics.RECORDS, raw.topic, outcome, n=records)
        told = self._sources.saw(raw.topic, raw.headers)
        if told is not None:
            self._metrics.add(metrics.SOURCE_MISSING, n=told.missing)
            self._metrics.add(metrics.SOURCE_DROPPED, n=told.dropped)
