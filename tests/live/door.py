"""A gateway of its own, over a producer that keeps what it is given."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from ingest.gateway.app import Gateway
from ingest.gateway.http_body import Memory
from ingest.gateway.ingest_keys import IngestKeys
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import MemoryProducer
from tests.ingest.gateway.running import intake_over


class Door:
    """A gateway over a memory producer that starts with its first request."""

    def __init__(self, home: Path) -> None:
        self.producer = MemoryProducer()
        counters = Metrics()
        intake = intake_over(home, self.producer, counters)
        memory = Memory(256 << 20, counters)
        self._gateway = Gateway(intake, self.producer, IngestKeys(None), counters, memory=memory)
        self._started = False

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """The gateway's own application."""
        if not self._started:
            self._started = True
            await self._gateway.start()
        await self._gateway(scope, receive, send)
