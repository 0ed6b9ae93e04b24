"""A gateway over a memory producer, reached through HTTP without a socket."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from google.protobuf.message import Message

from ingest.gateway.app import Gateway
from ingest.gateway.grouping import Grouper
from ingest.gateway.http_body import Memory
from ingest.gateway.ingest_keys import IngestKeys
from ingest.gateway.intake import Intake
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import MemoryProducer
from ingest.gateway.redaction_pool import RedactionPool
from ingest.otlp.redactors import Redactors

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
NOW_NS = 1_795_500_100_000_000_000


@dataclass(slots=True)
class Running:
    """What a test needs of it."""

    client: httpx.AsyncClient
    producer: MemoryProducer
    counters: Metrics
    gateway: Gateway

    async def post(self, path: str, body: bytes | Message, **headers: str) -> httpx.Response:
        """Send a protobuf request; header names with ``_`` for ``-``."""
        content = body.SerializeToString() if isinstance(body, Message) else body
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        return await self.client.post(path, content=content, headers={**PROTOBUF, **named})


def intake_over(
    home: Path,
    producer: MemoryProducer,
    counters: Metrics,
    *,
    partitions: int = 4,
    linger_s: float = 0.0,
    group_bytes: int = 256 << 10,
    pool: RedactionPool | None = None,
) -> Intake:
    """The part that doors share, over a memory producer, at `NOW_NS`."""
    grouper = Grouper(producer, counters, linger_s=linger_s, group_bytes=group_bytes)
    return Intake(
        producer,
        grouper,
        Redactors(home),
        counters,
        partitions=partitions,
        now_ns=lambda: NOW_NS,
        pool=pool,
    )


@contextlib.asynccontextmanager
async def running(
    home: Path,
    *,
    keys: IngestKeys | None = None,
    partitions: int = 4,
    linger_s: float = 0.0,
    group_bytes: int = 256 << 10,
    max_in_flight_bytes: int = 256 << 20,
    **limits: Any,
) -> AsyncIterator[Running]:
    """A started gateway."""
    producer, counters = MemoryProducer(), Metrics()
    intake = intake_over(
        home, producer, counters, partitions=partitions, linger_s=linger_s, group_bytes=group_bytes
    )
    memory = Memory(max_in_flight_bytes, counters)
    gateway = Gateway(intake, producer, keys or IngestKeys(None), counters, memory=memory, **limits)
    await gateway.start()
    transport = httpx.ASGITransport(app=gateway, raise_app_exceptions=True)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4318") as client:
        yield Running(client, producer, counters, gateway)
    await gateway.stop()
