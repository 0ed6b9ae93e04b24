"""From a parsed request to acknowledged messages: redact, split, group. HTTP, gRPC and imports share it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import re2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.redaction import Meter
from detectors.redaction.names import revealed_type
from infra import kafka
from ingest.errors import BadRecord, Defect
from ingest.gateway import metrics
from ingest.gateway.grouping import Group, Grouper, all_of, message_headers
from ingest.gateway.metrics import Metrics
from ingest.gateway.parts import Parts, take_apart, take_apart_at_once
from ingest.gateway.producer import Producer
from ingest.gateway.redaction_pool import RedactionPool
from ingest.otlp.redact_otlp import Request
from ingest.otlp.redactors import Redactors

LIVE = "live"
_LINEAGE = re2.compile(r"^(?:demo|import|evaluation)-[a-z0-9-]{1,40}$")
_NAMED_AS = {
    "service": "service.name",
    "environment": "deployment.environment.name",
    "tenant": "service.name",
    "lineage": "service.name",
}
"""Fields of entries that are searched as the attributes they are compared with."""
_RELEASE = "release"
"""The kind of change whose value is a version."""
SMALL_BYTES = 64 << 10
"""Requests in protobuf up to this size are taken apart by the event loop itself, unless they are slow."""
SMALL_JSON_BYTES = 16 << 10
"""The same in JSON, which takes several times as long to parse."""
_SMALL_US = 4000
"""What such a request may cost before it is handed to another process."""
REQUEST_MS = 8000.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose a request is. ``backfill`` and ``synthetic`` records are stored and feed no detector."""

    tenant: str
    lineage: str = LIVE
    backfill: bool = False
    synthetic: bool = False


def check_lineage(name: str) -> str:
    """A lineage a client may name: ``demo-…``, ``import-…`` or ``evaluation-…``, or ``live``.

    Raises
    ------
    BadRecord
        For any other name, and for one that holds what redaction removes: lineages are stored as they are.
    """
    if name == LIVE:
        return name
    if _LINEAGE.search(name):
        found = _revealed_type(name)
        if found is None:
            return name
        raise BadRecord(f"the lineage holds what looks like a value of type {found}: choose another name")
    raise BadRecord(
        f"lineage {name[:60]!r} is not live, demo-*, import-* or evaluation-* "
        "of lower-case letters, digits and -"
    )


_revealed_type = lru_cache(maxsize=256)(revealed_type)


class Intake:
    """Takes requests. ``now_ns`` is injected for tests.

    ``pool`` takes apart what is large or slow; without one this process does, as for a command that
    nobody else waits for. ``request_ms`` is what redacting one request may cost here.
    """

    def __init__(
        self,
        producer: Producer,
        grouper: Grouper,
        redactors: Redactors,
        counters: Metrics,
        *,
        partitions: int,
        now_ns: Callable[[], int] = time.time_ns,
        pool: RedactionPool | None = None,
        request_ms: float = REQUEST_MS,
    ) -> None:
        self._producer = producer
        self._grouper = grouper
        self._redactors = redactors
        self._metrics = counters
        self._partitions = partitions
        self._now_ns = now_ns
        self._pool = pool
        self._request_us = round(request_ms * 1000)

    async def start(self) -> None:
        """Start the processes that redact, if there are any."""
        if self._pool is not None:
            await self._pool.start()

    def now_ns(self) -> int:
        """The time things come in at."""
        return self._now_ns()

    async def accept(
        self, request: Request, origin: Origin, received_ns: int | None = None
    ) -> Mapping[str, int]:
        """Redact the request (in place), send it on and wait for Kafka.

        Returns how many of its spans or log records were not taken, by reason.

        ``received_ns`` is when it came to Lightship, if that is not now.

        Raises
        ------
        Unavailable
            If not all of it is acknowledged.
        """
        received_ns = received_ns or self._now_ns()
        signal = "traces" if isinstance(request, ExportTraceServiceRequest) else "logs"
        return await self.send(signal, await self.parts(request, origin), origin, received_ns)

    async def parts(
        self, request: Request, origin: Origin, body: bytes | None = None, *, is_json: bool = False
    ) -> Parts:
        """Take a request apart (in place); what is large or slow in another process.

        ``body`` is the request as it came, where that is at hand: another process is sent it as it is.

        Raises
        ------
        Refused
            If too many requests wait for one already.
        """
        redactor = self._redactors.of(origin.tenant)
        if self._pool is None:
            allowance = Meter(self._request_us)
            return take_apart(request, redactor, self._partitions, allowance, synthetic=origin.synthetic)
        is_traces = isinstance(request, ExportTraceServiceRequest)
        data = request.SerializeToString() if body is None else body
        if self.is_small(len(data), is_json=is_json):
            parts = take_apart_at_once(
                request, redactor, self._partitions, Meter(_SMALL_US), synthetic=origin.synthetic
            )
            if parts is not None:
                return parts
        return await self.parts_of("traces" if is_traces else "logs", data, origin, is_json=is_json)

    def is_small(self, size: int, *, is_json: bool = False) -> bool:
        """Whether the event loop may parse and redact a request of so many bytes by itself."""
        return self._pool is None or size <= (SMALL_JSON_BYTES if is_json else SMALL_BYTES)

    async def parts_of(self, signal: str, body: bytes, origin: Origin, *, is_json: bool = False) -> Parts:
        """The same of a request as it came, always in another process.

        Raises
        ------
        BadRecord
            If it is none.
        Refused
            If too many requests wait already.
        Unavailable
            If the process died.
        """
        if self._pool is None:
            raise Defect("there are no processes for redaction")
        return await self._pool.take(signal, body, origin.tenant, is_json=is_json, synthetic=origin.synthetic)

    async def send(
        self, signal: str, parts: Parts, origin: Origin, received_ns: int | None = None
    ) -> Mapping[str, int]:
        """Send the parts of a request on and wait for Kafka; returns what was rejected, by reason.

        Raises
        ------
        Unavailable
            If not all of it is acknowledged.
        """
        received_ns = received_ns or self._now_ns()
        for reason, n in parts.rejected.items():
            self._metrics.add(metrics.REJECTED, reason, n=n)
        self._count(parts.removed)
        version = self._redactors.of(origin.tenant).version
        topic = kafka.SPANS.name if signal == "traces" else kafka.LOGS.name
        waiting = [
            self._grouper.add(
                Group(origin.tenant, origin.lineage, topic, p.partition, version, origin.backfill),
                p,
                received_ns,
            )
            for p in parts.pieces
        ]
        await all_of(waiting)
        return parts.rejected

    async def record(self, topic: str, key: str, entry: Mapping[str, Any], origin: Origin) -> None:
        """Send an entry of a topic of JSON, its texts redacted, and wait for Kafka.

        Raises
        ------
        Unavailable
            If it is not acknowledged.
        """
        redactor = self._redactors.of(origin.tenant)
        named = {**_NAMED_AS, "value": "service.version"} if entry.get("kind") == _RELEASE else _NAMED_AS
        clean = {
            k: redactor.outer_text(named.get(k, k), v) if isinstance(v, str) else v for k, v in entry.items()
        }
        self._count(redactor.take_counts())
        await self._producer.send(topic, 0, orjson.dumps(clean), [], key.encode())

    def _count(self, removed: Mapping[str, int]) -> None:
        for type_, n in removed.items():
            self._metrics.add(metrics.REDACTIONS, type_, n=n)

    async def mark(self, origin: Origin, event_ns: int | None, *, ends: bool) -> None:
        """Tell every partition of spans how far a lineage's clock has come, and whether it ends there.

        Whatever the lineage sent before is acknowledged first.

        Raises
        ------
        BadRecord
            For the live lineage, whose clock is the world's.
        Unavailable
            If not all partitions acknowledge.
        """
        if origin.lineage == LIVE:
            raise BadRecord("the live lineage takes no clock marks: its clock is its own spans")
        await self._grouper.flush(origin.tenant, origin.lineage)
        version = self._redactors.of(origin.tenant).version
        received_ns = self._now_ns()

        async def send(partition: int) -> None:
            group = Group(
                origin.tenant, origin.lineage, kafka.SPANS.name, partition, version, origin.backfill
            )
            headers = message_headers(group, 0, received_ns)
            if event_ns is not None:
                headers.append((kafka.HEADER_EVENT_TIME, str(event_ns).encode()))
            if ends:
                headers.append((kafka.HEADER_LINEAGE_END, b"1"))
            await self._producer.send(kafka.SPANS.name, partition, b"", headers)

        outcomes = await asyncio.gather(*map(send, range(self._partitions)), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        self._metrics.add(metrics.MARKS)

    async def close(self) -> None:
        """Send what is open, then stop the producer and the processes that redact."""
        await self._grouper.close()
        await self._producer.stop()
        if self._pool is not None:
            await self._pool.stop()
