"""The worker's own small HTTP door: is it alive, is it ready, what has it counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from aiohttp import web

from ingest.stream import Health


def probe(health: Health, counters: Callable[[], Mapping[str, float]]) -> web.Application:
    """``/healthz`` (alive), ``/readyz`` (has partitions, waits for nothing, does not stop), ``/metrics``."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_: web.Request) -> web.Response:
        ready = health.assigned and not health.waiting_for and health.stopped is None
        body = {
            "ready": ready,
            "assigned": health.assigned,
            "waiting_for": health.waiting_for,
            "stopped": health.stopped,
        }
        return web.Response(
            text=json.dumps(body), status=200 if ready else 503, content_type="application/json"
        )

    async def metrics(_: web.Request) -> web.Response:
        lines = [f"{name} {value:.15g}" for name, value in sorted(counters().items())]
        return web.Response(text="\n".join([*lines, ""]), content_type="text/plain")

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app
