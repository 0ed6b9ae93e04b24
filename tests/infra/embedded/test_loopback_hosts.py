"""What the embedded servers answer, over real sockets, to a name that is not theirs."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from infra.embedded.serve import LoopbackServer


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers everything."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"in"})


async def asked(port: int, *headers: str, version: str = "1.1") -> tuple[int, str]:
    """Status and body of a request with these headers and no others."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"POST /?query=SELECT+1 HTTP/{version}", *headers, "Content-Length: 0", "Connection: close"]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    answer = (await asyncio.wait_for(reader.read(), 10)).decode("latin-1")
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize(
    "headers",
    [
        ("Host: evil.example",),
        ("Host: evil.example:8123",),
        ("Host: 127.0.0.1.evil.example",),
        ("Host: localhost@evil.example",),
        ("Host: 0.0.0.0",),
        ("Host:",),
        ("Host: localhost", "Host: evil.example"),
    ],
)
def test_an_embedded_server_refuses_a_foreign_host(headers: tuple[str, ...]) -> None:
    async def test() -> tuple[tuple[int, str], list[int]]:
        sock = socket.create_server(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        server, stop = LoopbackServer(app), asyncio.Event()
        running = asyncio.create_task(server.run_until(stop, sock))
        await asyncio.wait_for(server.ready.wait(), 10)
        try:
            refused = await asked(port, *headers)
            good = [(await asked(port, f"Host: {h}"))[0] for h in ("localhost", f"127.0.0.1:{port}", "[::1]")]
        finally:
            stop.set()
            await running
        return refused, good

    (status, body), good = asyncio.run(test())
    assert (status, good) == (421, [200, 200, 200])
    assert "localhost" in body or "send one" in body
