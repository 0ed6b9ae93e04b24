"""With only the reserve of the disk left the gateway acknowledges nothing, says why, and goes on after it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from google.rpc import status_pb2

from infra.disk_reserve import MIB, DiskReserve
from ingest.errors import DiskFull, Unavailable
from ingest.gateway import metrics
from ingest.gateway.app import Gateway
from ingest.gateway.disk_space import WithDiskReserve
from ingest.gateway.grouping import Grouper
from ingest.gateway.ingest_keys import IngestKeys
from ingest.gateway.intake import Intake
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import MemoryProducer
from ingest.otlp.redactors import Redactors
from tests.ingest.gateway.running import PROTOBUF
from tests.ingest.telemetry import chat, span, traces


def test_nothing_is_acknowledged_until_there_is_space_again(tmp_path: Path) -> None:
    free_mib = 900
    disk = DiskReserve(Path("/data"), look_s=0.0, disk=lambda _: (free_mib * MIB, 1000 * MIB))
    memory, counters = MemoryProducer(), Metrics()
    producer = WithDiskReserve(memory, disk)
    intake = Intake(
        producer, Grouper(producer, counters, linger_s=0.0), Redactors(tmp_path), counters, partitions=4
    )
    gateway = Gateway(intake, producer, IngestKeys(None), counters)
    body = traces(span(chat())).SerializeToString()

    async def test() -> None:
        nonlocal free_mib
        await gateway.start()
        transport = httpx.ASGITransport(app=gateway)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4318") as client:
            free_mib = 50
            refused = await client.post("/v1/traces", content=body, headers=PROTOBUF)
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
            status = status_pb2.Status.FromString(refused.content)
            assert status.code == 8  # RESOURCE_EXHAUSTED, with RetryInfo: a sender tries again
            assert status.details[0].type_url.endswith("RetryInfo")
            assert "/data has 50 MiB free" in status.message
            assert "delete" in status.message
            ready = await client.get("/readyz")
            assert (ready.status_code, "/data has 50 MiB free" in ready.text) == (503, True)
            assert (await client.get("/healthz")).status_code == 200
            assert memory.sent == []
            assert counters.value(metrics.REJECTED, "disk_full") == 1
            free_mib = 500
            assert (await client.post("/v1/traces", content=body, headers=PROTOBUF)).status_code == 200
            assert (await client.get("/readyz")).status_code == 200
            memory.down = True
            assert (await client.get("/readyz")).status_code == 503
        await gateway.stop()

    asyncio.run(test())
    assert len(memory.sent) == 1


@pytest.mark.parametrize("back", [False, True])
def test_what_fails_because_the_space_ran_out_under_way_says_so(back: bool) -> None:
    free_mib = 900
    disk = DiskReserve(Path("/data"), look_s=0.0, disk=lambda _: (free_mib * MIB, 1000 * MIB))
    memory = MemoryProducer()
    producer = WithDiskReserve(memory, disk, look_s=0.001)

    async def test() -> None:
        nonlocal free_mib
        memory.hold = asyncio.Event()
        under_way = asyncio.create_task(producer.send("t", 0, b"v", ()))
        await asyncio.sleep(0)
        free_mib = 50
        if back:  # another program took it for a while only
            await asyncio.sleep(0.1)
            free_mib = 900
        memory.down = True
        memory.hold.set()
        with pytest.raises(DiskFull, match="/data has 50 MiB free"):
            await under_way

    asyncio.run(test())


def test_a_broker_that_fails_while_there_is_space_is_what_is_named() -> None:
    disk = DiskReserve(Path("/data"), look_s=0.0, disk=lambda _: (900 * MIB, 1000 * MIB))
    memory = MemoryProducer()
    memory.down = True
    with pytest.raises(Unavailable, match="told to fail") as raised:
        asyncio.run(WithDiskReserve(memory, disk).send("t", 0, b"v", ()))
    assert not isinstance(raised.value, DiskFull)
