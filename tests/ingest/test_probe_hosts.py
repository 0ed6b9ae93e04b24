"""The small door of workers, relay, fleet and judge: under which names it answers."""

from __future__ import annotations

import asyncio

from aiohttp.test_utils import TestClient, TestServer

from ingest.agents.probe import probe_app


def test_a_probe_answers_under_the_names_of_loopback_alone() -> None:
    async def test() -> None:
        app = probe_app(lambda: {"ready": True}, lambda: "lightship_x 1\n")
        async with TestClient(TestServer(app)) as client:
            for path in ("/healthz", "/readyz", "/metrics", "/nowhere"):
                answer = await client.get(path, headers={"host": "evil.example:4319"})
                assert answer.status == 421
                assert "evil.example" in await answer.text()
            for host in ("localhost:4319", "[::1]", "127.0.0.1"):
                assert (await client.get("/metrics", headers={"host": host})).status == 200

    asyncio.run(test())
