"""Runs an ASGI app on a loopback socket until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Coroutine, Generator
from typing import Any

import uvicorn
import uvloop

from infra.embedded.asgi import App
from infra.errors import Misconfigured, Unavailable
from infra.http_hosts import AllowedHosts, CheckedHosts


class LoopbackServer(uvicorn.Server):
    """uvicorn that leaves signals to us: it would kill the process with the same signal at the end."""

    def __init__(self, app: App, *, grace_s: int = 10, max_connections: int | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                CheckedHosts(app, AllowedHosts()),
                loop="none",
                http="httptools",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=grace_s,
                limit_concurrency=max_connections,
            )
        )
        self.ready = asyncio.Event()
        """Set once connections are accepted."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Captures none."""
        yield

    async def run_until(self, stop: asyncio.Event, sock: socket.socket) -> None:
        """Serve on ``sock`` until ``stop`` is set, then finish running requests (at most ``grace_s``)."""
        serving = asyncio.create_task(self.serve(sockets=[sock]))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
            self.should_exit = True
            await serving
        finally:
            stopping.cancel()
            sock.close()


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM, SIGINT or SIGHUP sets; call inside the running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(signum, stop.set)
    return stop


def run_process(main: Coroutine[Any, Any, int], name: str) -> int:
    """Run a server's main coroutine with logging to stderr; errors become a message and an exit code."""
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s %(levelname)s {name}: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main)
    except Misconfigured as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 2
    except Unavailable as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 3
