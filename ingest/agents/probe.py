"""The small HTTP door of processes that have no other: is it alive, is it ready, what has it counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import faust
from aiohttp import web

from infra.http_hosts import MISDIRECTED, AllowedHosts
from infra.instance import identity
from ingest.agents.stream import Health


def probe(
    health: Health, counters: Callable[[], Mapping[str, float]], host: str = "127.0.0.1"
) -> web.Application:
    """The door of a worker: ready if it has partitions, waits for nothing and does not stop."""

    def readiness() -> Mapping[str, object]:
        return {
            "ready": health.assigned and not health.waiting_for and health.stopped is None,
            "assigned": health.assigned,
            "waiting_for": health.waiting_for,
            "stopped": health.stopped,
        }

    def metrics() -> str:
        lines = [f"{name} {value:.15g}" for name, value in sorted(counters().items())]
        return "\n".join([*lines, ""])

    return probe_app(readiness, metrics, host)


def probe_app(
    readiness: Callable[[], Mapping[str, object]], metrics: Callable[[], str], host: str = "127.0.0.1"
) -> web.Application:
    """``/healthz`` (alive), ``/readyz`` (503 unless ``ready`` of ``readiness``), ``/metrics`` as they are.

    Health answers name the instance. It answers under the names of loopback and under ``host``, where it is
    bound.
    """
    named = identity()
    allowed = AllowedHosts(host)

    @web.middleware
    async def checked(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        given = [value.encode("latin-1", "replace") for value in request.headers.getall("host", [])]
        why = allowed.refusal(given, f"{request.version.major}.{request.version.minor}")
        return await handler(request) if why is None else web.Response(status=MISDIRECTED, text=f"{why}\n")

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"}, headers=named)

    async def readyz(_: web.Request) -> web.Response:
        body = readiness()
        return web.json_response(dict(body), status=200 if body["ready"] else 503, headers=named)

    async def counted(_: web.Request) -> web.Response:
        return web.Response(text=metrics(), content_type="text/plain")

    app = web.Application(middlewares=[checked])
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", counted)
    return app


def open_beside(app: faust.App, application: web.Application, host: str, port: int) -> None:
    """Open a door with a stream's loop, and keep it open as long as that runs."""

    async def opened() -> None:
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        await asyncio.Event().wait()

    app.task(opened)
