"""What the gateway does in the background: whatever it raises, it goes on and nobody waits for ever."""

from __future__ import annotations

import asyncio
import struct

import pytest

from infra.settings import KafkaSettings
from ingest.errors import Unavailable
from ingest.gateway import producer as producers
from ingest.gateway.grouping import Group, Grouper
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import KafkaProducer, MemoryProducer
from ingest.gateway.splitting import Piece


def test_a_connection_that_fails_by_any_exception_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    class Client:
        """As the library's, but for answers of a broker that it cannot read."""

        def __init__(self, **_: object) -> None:
            tries.append(self)

        async def start(self) -> None:
            if len(tries) < 3:
                raise struct.error("unpack requires a buffer of 4 bytes")

        async def stop(self) -> None:
            if len(tries) < 3:
                raise KeyError("no such node")

    monkeypatch.setattr(producers, "AIOKafkaProducer", Client)
    monkeypatch.setattr(producers, "RETRY_S", 0.01)

    async def connect() -> None:
        producer = KafkaProducer(KafkaSettings(bootstrap="127.0.0.1:1"), ())
        monkeypatch.setattr(producer, "_check", lambda _: asyncio.sleep(0))
        monkeypatch.setattr(producers, "_abandon", lambda _: asyncio.sleep(0))
        await producer.start()
        connecting = producer._connecting
        assert connecting is not None
        async with asyncio.timeout(20):
            await connecting
        assert producer.problem is None
        await producer.stop()

    asyncio.run(connect())
    assert len(tries) == 3


def test_who_waits_for_a_message_that_cannot_be_made_is_answered() -> None:
    async def send() -> None:
        grouper = Grouper(MemoryProducer(), Metrics(), linger_s=0.0)
        group = Group("default", "\ud800", "otlp_spans", 0, "1")
        async with asyncio.timeout(20):
            await grouper.add(group, Piece(0, b"x", 1), 1)

    with pytest.raises(Unavailable, match="interrupted"):
        asyncio.run(send())
