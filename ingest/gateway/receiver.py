"""What every door does with telemetry, whatever it came by: who may send, reading it, handing it on.

Headers are lower-case names and bytes, as HTTP has them; a gRPC door gives its metadata in that form.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra import kafka
from ingest.errors import BadRecord, Unavailable
from ingest.event_time import clock_time
from ingest.gateway import metrics
from ingest.gateway.ingest_keys import IngestKeys, Sender
from ingest.gateway.intake import LIVE, Intake, Origin, check_lineage
from ingest.gateway.metrics import Metrics
from ingest.gateway.refusal import QUOTA, Refused
from ingest.otlp.otlp_json import parse_json
from ingest.otlp.redact_otlp import Request
from ingest.otlp.views import parse

M = TypeVar("M", bound=Message)

_MAX_NS = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request whose sender may send."""

    origin: Origin
    sender: Sender

    @contextlib.contextmanager
    def charged(self, records: int, size: int) -> Iterator[None]:
        """Count against the sender's quotas; given back if Kafka does not take it."""
        meter = self.sender.meter
        if meter is None:
            yield
            return
        meter.charge(records, size)
        try:
            yield
        except Unavailable:
            meter.charge(-records, -size)
            raise


class Receiver:
    """The part of the gateway that its doors share."""

    def __init__(self, intake: Intake, keys: IngestKeys, counters: Metrics) -> None:
        self._intake = intake
        self._keys = keys
        self._metrics = counters

    def admit(self, headers: Mapping[bytes, bytes]) -> Admitted:
        """Whose a request is, before its body is read.

        Raises
        ------
        Refused
            If the sender may not send, or has used up a quota.
        BadRecord
            If it names a lineage that is not for clients.
        """
        sender = self._keys.sender(headers)
        self._metrics.set(metrics.KEYS_OK, float(self._keys.problem is None))
        lineage = check_lineage(headers.get(kafka.HEADER_LINEAGE.encode(), LIVE.encode()).decode("latin-1"))
        if sender.meter is not None and (over := sender.meter.admit()) is not None:
            name, wait_s = over
            raise Refused(QUOTA, f"the key's quota {name} is used up: wait, or ask for more", wait_s)
        backfill = headers.get(kafka.HEADER_BACKFILL.encode()) == b"1"
        origin = Origin(sender.tenant, lineage, backfill=backfill, synthetic=sender.synthetic)
        return Admitted(origin, sender)

    async def telemetry(
        self, signal: str, body: bytes, admitted: Admitted, *, is_json: bool = False
    ) -> Mapping[str, int]:
        """Take an export request of ``traces``, ``logs`` or ``metrics``; how many records were not, and why.

        Raises
        ------
        BadRecord
            If the body is no such request.
        Refused
            If too many requests wait for redaction already.
        Unavailable
            If not all of it is acknowledged.
        """
        self._metrics.add(metrics.BODY_BYTES, n=len(body))
        origin = admitted.origin
        if signal == "metrics":
            with admitted.charged(0, len(body)):
                if self._intake.is_small(len(body), is_json=is_json):
                    _read(ExportMetricsServiceRequest(), body, is_json=is_json)
                else:
                    await self._intake.parts_of(signal, body, origin, is_json=is_json)
                self._metrics.add(metrics.IGNORED, signal)
                return {}
        if self._intake.is_small(len(body), is_json=is_json):
            request: Request = (
                ExportTraceServiceRequest() if signal == "traces" else ExportLogsServiceRequest()
            )
            read = _read(request, body, is_json=is_json)
            parts = await self._intake.parts(read, origin, body, is_json=is_json)
        else:
            parts = await self._intake.parts_of(signal, body, origin, is_json=is_json)
        with admitted.charged(parts.records, len(body)):
            return await self._intake.send(signal, parts, origin)

    async def mark(self, headers: Mapping[bytes, bytes], admitted: Admitted) -> bool:
        """Send on the clock mark of a request for traces without a body, if its headers hold one.

        Raises
        ------
        BadRecord
            If its time is none, or its lineage takes no marks.
        Unavailable
            If not every partition acknowledges.
        """
        sent = headers.get(kafka.HEADER_EVENT_TIME.encode())
        end = headers.get(kafka.HEADER_LINEAGE_END.encode())
        if sent is None and end is None:
            return False
        if sent is not None and not (sent.isdigit() and len(sent) <= 19 and int(sent) <= _MAX_NS):
            raise BadRecord(f"header {kafka.HEADER_EVENT_TIME} is not a time in nanoseconds since 1970")
        if sent is not None and not clock_time(int(sent), self._intake.now_ns(), admitted.origin.lineage):
            raise BadRecord(
                f"header {kafka.HEADER_EVENT_TIME} is before the year 2000 or more than a year from now: "
                "send nanoseconds since 1970"
            )
        await self._intake.mark(admitted.origin, None if sent is None else int(sent), ends=end == b"1")
        return True


def _read(request: M, body: bytes, *, is_json: bool) -> M:
    return parse_json(request, body) if is_json else parse(request, body)
