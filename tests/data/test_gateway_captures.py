"""Recorded requests of real instrumentations, sent through every door: the same messages come of them."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.compression import decompress, sniff
from ingest.gateway.producer import Sent
from ingest.otlp.otlp_json import to_json
from tests.ingest.gateway.running import JSON, PROTOBUF, Running, running
from tests.ingest.gateway.test_grpc import served

pytestmark = pytest.mark.data

SERVICE = "/opentelemetry.proto.collector.{}.v1.{}Service/Export"


@pytest.fixture(scope="module")
def bodies(data_dir: Path) -> list[tuple[str, str, bytes]]:
    """Name, signal and plain bytes of every recorded request."""
    found = []
    for signal in ("traces", "logs"):
        for path in sorted((data_dir.parent / "otlp_captures").glob(f"*.{signal}.binpb")):
            packed = path.read_bytes()
            found.append((path.name, signal, decompress(packed, sniff(packed), 64 << 20)))
    assert len(found) > 90
    return found


def parsed(signal: str, body: bytes) -> Any:
    request = ExportTraceServiceRequest if signal == "traces" else ExportLogsServiceRequest
    return request.FromString(body)


def over_grpc(home: Path, bodies: list[tuple[str, str, bytes]]) -> Iterator[list[Sent]]:
    with served(home) as s:
        for _, signal, body in bodies:
            names = ("trace", "Trace") if signal == "traces" else ("logs", "Logs")
            call: Any = s.channel.unary_unary(SERVICE.format(*names))
            call(body, compression=grpc.Compression.Gzip)
            yield s.producer.sent.copy()
            s.producer.sent.clear()


def test_every_door_makes_the_same_messages_of_a_recorded_request(
    tmp_path: Path, bodies: list[tuple[str, str, bytes]]
) -> None:
    from_grpc = list(over_grpc(tmp_path, bodies))

    async def send(g: Running, path: str, content: bytes, headers: dict[str, str]) -> list[Sent]:
        answer: httpx.Response = await g.client.post(path, content=content, headers=headers)
        assert (answer.status_code, answer.content in (b"", b"{}")) == (200, True), answer.content[:300]
        sent = g.producer.sent.copy()
        g.producer.sent.clear()
        return sent

    async def test() -> None:
        async with running(tmp_path) as g:
            for (name, signal, body), expected in zip(bodies, from_grpc, strict=True):
                path, text = f"/v1/{signal}", json.dumps(to_json(parsed(signal, body))).encode()
                zipped = {**PROTOBUF, "content-encoding": "gzip"}
                assert expected, name
                assert await send(g, path, body, PROTOBUF) == expected, name
                assert await send(g, path, gzip.compress(body), zipped) == expected, name
                assert await send(g, f"/api/public/otel{path}", text, JSON) == expected, name

    asyncio.run(test())
