"""What a web page elsewhere may not do: send to a gateway on this machine, or read what it counts."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import uvicorn

from infra.metrics_key import MetricsKey
from ingest.gateway import metrics
from ingest.gateway.app import Gateway
from ingest.gateway.bounded_http import Guard, bounded_http
from tests.ingest.gateway.running import running
from tests.ingest.telemetry import chat, span, traces

CHANGE = orjson.dumps({"kind": "release", "value": "7.2", "who": "eve"})


@contextlib.asynccontextmanager
async def listening(app: Gateway) -> AsyncIterator[int]:
    """The gateway on a socket, as it is served."""
    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=bounded_http(Guard(metrics.Metrics())),  # type: ignore[arg-type]
        lifespan="off",
        log_config=None,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield sock.getsockname()[1]
    server.should_exit = True
    await serving


async def raw(port: int, head: str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and text of an answer to bytes on the wire."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [*head.split("\n"), f"Content-Length: {len(body)}", "Connection: close", "", ""]
    writer.write("\r\n".join(lines).encode("latin-1") + body)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return int(answer.split(b" ")[1]), answer


def test_a_rebound_name_posts_no_release(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path) as g, listening(g.gateway) as port:
            post = "POST /v1/changes HTTP/1.1\nContent-Type: application/json"
            for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "", "[::2]"):
                status, answer = await raw(port, f"{post}\nHost: {host}", CHANGE)
                assert status == 421
                assert b"gateway.allowed_hosts" in answer
            assert (await raw(port, post, CHANGE))[0] == 421
            both = f"{post}\nHost: localhost\nHost: evil.example"
            assert (await raw(port, both, CHANGE))[0] == 421
            absolute = post.replace("/v1", "http://localhost/v1") + "\nHost: evil.example"
            assert (await raw(port, absolute, CHANGE))[0] == 421
            for path in ("/metrics", "/healthz", "/readyz", "/api/public/projects"):
                assert (await raw(port, f"GET {path} HTTP/1.1\nHost: evil.example"))[0] == 421
            assert g.producer.sent == []
            for host in ("localhost", "LOCALHOST.", f"127.0.0.1:{port}", f"[::1]:{port}"):
                assert (await raw(port, f"{post}\nHost: {host}", CHANGE))[0] == 200
            assert (await raw(port, "GET /healthz HTTP/1.0"))[0] == 200

    asyncio.run(test())


@pytest.mark.parametrize("path", ["/v1/changes", "/v1/feedback", "/v1/traces", "/api/public/scores"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({"content-type": "text/plain; charset=application/json"}, 415),
        ({"content-type": "application/json", "origin": "https://evil.example"}, 403),
        ({"content-type": "application/json", "origin": "null"}, 403),
        ({"content-type": "application/json", "sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_a_page_elsewhere_sends_nothing(
    tmp_path: Path, path: str, headers: dict[str, str], status: int
) -> None:
    async def test() -> None:
        async with running(tmp_path) as g:
            answer = await g.client.post(path, content=CHANGE, headers=headers)
            assert answer.status_code == status
            preflight = {"origin": "https://evil.example", "access-control-request-method": "POST"}
            asked = await g.client.options(path, headers=preflight)
            assert "access-control-allow-origin" not in asked.headers
            assert g.producer.sent == []

    asyncio.run(test())


def test_metrics_name_tenants_to_the_key_alone(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path, metrics_key=MetricsKey("k" * 20)) as g:
            for tenant, n in (("acme", 2), ("umbra", 3)):
                g.counters.add(metrics.SPANS, tenant, n=n)
                g.counters.add(metrics.CHANGES, tenant, n=n)
            await g.post("/v1/traces", traces(span(chat())))
            for key in ("", "Bearer ", "Bearer k", "Basic " + "k" * 20, "Bearer " + "k" * 21):
                text = (await g.client.get("/metrics", headers={"authorization": key})).text
                assert "acme" not in text
                assert "tenant=" not in text
                assert "lightship_gateway_spans_total 6\n" in text
                assert 'lightship_gateway_requests_total{signal="traces",status="200"} 1\n' in text
            whole = await g.client.get("/metrics", headers={"authorization": "bearer " + "k" * 20})
            assert 'lightship_gateway_spans_total{tenant="umbra"} 3\n' in whole.text
        async with running(tmp_path) as g:
            g.counters.add(metrics.SPANS, "acme")
            assert "acme" not in (await g.client.get("/metrics", headers={"authorization": "Bearer "})).text

    asyncio.run(test())
