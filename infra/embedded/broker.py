"""The embedded Kafka broker: ``python -m infra.embedded.broker --root DIR --port 9092``.

Tansu and the object store it keeps its data in are one unit. The store runs in this process and the broker as
its child; if either ends, both do, because a broker must not go on with a store that forgot what it promised,
and a broker that outlives its store answers nothing. Whoever started this starts it again.

The broker knows no accounts that it keeps: on Linux this process accepts its connections for it, and only
those of its own account and of root (`accept_guard`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import secrets
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence

from infra.disk_reserve import DiskReserve
from infra.embedded import tansu
from infra.embedded.batch_merging import remove_contained
from infra.embedded.broker_access import access_controlled
from infra.embedded.directory_lock import DirectoryLock
from infra.embedded.errors import PortBusy
from infra.embedded.object_http import ObjectHttp
from infra.embedded.object_store import add_arguments, open_files, running
from infra.embedded.ports import LOOPBACK, is_free, listen
from infra.embedded.producer_state import forget_producers
from infra.embedded.serve import run_process, stop_on_signals

logger = logging.getLogger(__name__)

GRACE_S = 5.0


async def _stop(process: Process) -> int:
    """Ask the broker to end, then make it; its exit code."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(GRACE_S):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()


async def _main(options: argparse.Namespace) -> int:
    executable = tansu.binary()
    if not is_free(options.port):
        raise PortBusy(f"port {options.port} for the broker is in use: stop what listens there")
    stop = stop_on_signals()
    with DirectoryLock(options.root):
        return await _run(options, executable, stop)


async def _run(options: argparse.Namespace, executable: str, stop: asyncio.Event) -> int:
    """Both halves, until one ends or ``stop`` is set."""
    store_stop = asyncio.Event()
    access_key = secrets.token_hex(16)
    files = open_files(options)
    forget_producers(files)
    remove_contained(files)
    app = ObjectHttp(
        files,
        bucket=tansu.BUCKET,
        access_key=access_key,
        max_object_bytes=options.max_object_mib << 20,
        reserve=DiskReserve(options.root, options.reserve_mib),
    )
    sock = listen(0, "the object store")
    store_port = sock.getsockname()[1]
    command, environment = tansu.command(executable, options.port), tansu.environment(store_port, access_key)
    async with (
        running(app, sock, options, store_stop) as serving,
        access_controlled(command, environment, options.port) as process,
    ):
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((ended, stopping, serving), return_when=asyncio.FIRST_COMPLETED)
            asked = stop.is_set()
        finally:
            stopping.cancel()
            code = await _stop(process)
    if asked:
        return 0
    logger.error("the broker ended by itself with exit code %d", code)
    return 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.embedded.broker",
        description=f"Kafka-compatible broker on {LOOPBACK} whose data lies in files under --root.",
    )
    add_arguments(parser)
    parser.add_argument("--port", type=int, required=True, help="port of the Kafka protocol")
    return run_process(_main(parser.parse_args(argv)), "broker")


if __name__ == "__main__":
    sys.exit(main())
