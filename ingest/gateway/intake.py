"""From a parsed request to acknowledged messages: redact, split, group. HTTP, gRPC and imports share it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import re2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor
from detectors.redaction.names import revealed_type
from infra import kafka
from infra.settings import RedactionSettings
from infra.tenant_keys import load_key
from ingest.dialects.span_facts import SYNTHETIC
from ingest.errors import BadRecord
from ingest.gateway import metrics
from ingest.gateway.grouping import Group, Grouper, all_of, message_headers
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import Producer
from ingest.gateway.splitting import drop_invalid, split
from ingest.redact_otlp import Request, RequestRedactor

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
_SLICE_S = 0.005
"""How long redaction may hold the event loop before others get a turn."""


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


class Redactors:
    """One redactor a tenant, under the tenant's own key."""

    def __init__(self, home: Path, settings: Mapping[str, RedactionSettings] | None = None) -> None:
        self._home = home
        self._settings = settings or {}
        self._made: dict[str, RequestRedactor] = {}

    def of(self, tenant: str) -> RequestRedactor:
        """The tenant's redactor; its key is made when first asked for."""
        made = self._made.get(tenant)
        if made is None:
            chosen = self._settings.get(tenant)
            policy = RedactionPolicy.removing(chosen.types if chosen else ())
            made = RequestRedactor(Redactor(policy, Pseudonymiser(load_key(self._home, tenant))))
            self._made[tenant] = made
        return made


def mark_synthetic(request: Request) -> None:
    """Say of every resource of a redacted request that no person is behind it."""
    if isinstance(request, ExportTraceServiceRequest):
        resources = [group.resource for group in request.resource_spans]
    else:
        resources = [group.resource for group in request.resource_logs]
    for resource in resources:
        resource.attributes.add(key=SYNTHETIC).value.bool_value = True


class Intake:
    """Takes requests. ``now_ns`` is injected for tests."""

    def __init__(
        self,
        producer: Producer,
        grouper: Grouper,
        redactors: Redactors,
        counters: Metrics,
        *,
        partitions: int,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._producer = producer
        self._grouper = grouper
        self._redactors = redactors
        self._metrics = counters
        self._partitions = partitions
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """The time things come in at."""
        return self._now_ns()

    async def take(
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
        is_traces = isinstance(request, ExportTraceServiceRequest)
        rejected = drop_invalid(request)
        for reason, n in rejected.items():
            self._metrics.add(metrics.REJECTED, reason, n=n)
        redactor = self._redactors.of(origin.tenant)
        await self._redact(redactor, request)
        if origin.synthetic:
            mark_synthetic(request)
        topic = kafka.SPANS.name if is_traces else kafka.LOGS.name
        waiting = [
            self._grouper.add(
                Group(origin.tenant, origin.lineage, topic, p.partition, redactor.version, origin.backfill),
                p,
                received_ns,
            )
            for p in split(request, self._partitions)
        ]
        await all_of(waiting)
        return rejected

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
        self._count(redactor)
        await self._producer.send(topic, 0, orjson.dumps(clean), [], key.encode())

    async def _redact(self, redactor: RequestRedactor, request: Request) -> None:
        """In this thread, letting others run between spans: the place to hand it to other processes."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _SLICE_S
        for _ in redactor.steps(request):
            if loop.time() > until:
                await asyncio.sleep(0)
                until = loop.time() + _SLICE_S
        self._count(redactor)

    def _count(self, redactor: RequestRedactor) -> None:
        for type_, n in redactor.take_counts().items():
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
        """Send what is open, then stop the producer."""
        await self._grouper.close()
        await self._producer.stop()
