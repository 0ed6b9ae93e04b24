"""The object store as a process: ``python -m infra.embedded.object_store --root DIR --port 9000``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from infra.disk_reserve import DiskReserve
from infra.embedded.directory_lock import DirectoryLock
from infra.embedded.log_retention import LogRetention
from infra.embedded.object_files import ObjectFiles
from infra.embedded.object_http import ObjectHttp
from infra.embedded.ports import LOOPBACK, listen
from infra.embedded.serve import LoopbackServer, run_process, stop_on_signals

logger = logging.getLogger(__name__)

ACCESS_KEY_VARIABLE = "LIGHTSHIP_OBJECT_STORE_KEY"
MAX_CONNECTIONS = 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options shared with the broker, which runs the store in its own process."""
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="directory of the data")
    parser.add_argument(
        "--fsync",
        choices=("none", "data"),
        default="none",
        help="none: acknowledged objects survive the death of the process, not a power loss; "
        "data: they survive both, at about a third of the speed (default: none)",
    )
    parser.add_argument(
        "--retain",
        type=_retention,
        action="append",
        default=[],
        metavar="TOPIC=HOURS",
        help="drop record batches of a topic after so many hours; topics not named are kept for good",
    )
    parser.add_argument(
        "--merge-after-s",
        type=float,
        default=60.0,
        metavar="S",
        help="age from which small record batches are merged (default: 60)",
    )
    parser.add_argument(
        "--sweep-every-s",
        type=float,
        default=30.0,
        metavar="S",
        help="pause between looks for expired and small record batches (default: 30)",
    )
    parser.add_argument(
        "--max-object-mib", type=int, default=128, metavar="N", help="largest object (default: 128)"
    )
    parser.add_argument(
        "--reserve-mib",
        type=int,
        default=0,
        metavar="N",
        help="space of the disk that is kept free; 0: a tenth of it, at most 512 (default: 0)",
    )


def _retention(text: str) -> tuple[str, float]:
    topic, mark, hours = text.rpartition("=")
    try:
        value = float(hours)
    except ValueError:
        value = -1.0
    if not (topic and mark and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not TOPIC=HOURS with hours above 0")
    return topic, value


def open_files(options: argparse.Namespace) -> ObjectFiles:
    """The files that the options name.

    Raises
    ------
    Misconfigured
        If the directory cannot be used.
    """
    return ObjectFiles(options.root, fsync=options.fsync == "data")


@contextlib.asynccontextmanager
async def running(
    app: ObjectHttp, sock: socket.socket, options: argparse.Namespace, stop: asyncio.Event
) -> AsyncIterator[asyncio.Task[None]]:
    """Serve until ``stop`` is set or the block ends; yields the serving task once requests are answered."""
    logger.info("object store at %s:%d with %d objects", *sock.getsockname()[:2], len(app.files))
    server = LoopbackServer(app, grace_s=2, max_connections=MAX_CONNECTIONS)
    serving = asyncio.create_task(server.run_until(stop, sock))
    ready = asyncio.create_task(server.ready.wait())
    sweep = LogRetention(app.files, dict(options.retain), app.reads, merge_after_s=options.merge_after_s)
    sweeping = asyncio.create_task(sweep.run(options.sweep_every_s))
    try:
        await asyncio.wait((serving, ready), return_when=asyncio.FIRST_COMPLETED)
        yield serving
    finally:
        ready.cancel()
        sweeping.cancel()
        stop.set()
        await serving
        app.files.reap(time.time_ns())


async def _main(options: argparse.Namespace) -> int:
    stop = stop_on_signals()
    sock = listen(options.port, "the object store")
    with DirectoryLock(options.root):
        app = ObjectHttp(
            open_files(options),
            bucket=options.bucket,
            access_key=os.environ.get(ACCESS_KEY_VARIABLE, ""),
            max_object_bytes=options.max_object_mib << 20,
            reserve=DiskReserve(options.root, options.reserve_mib),
        )
        async with running(app, sock, options, stop) as serving:
            await serving
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.embedded.object_store",
        description=f"S3-compatible object store on {LOOPBACK} that keeps every object in a file. "
        f"With {ACCESS_KEY_VARIABLE} set, requests must carry it as their access key id.",
    )
    add_arguments(parser)
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 for any")
    parser.add_argument("--bucket", default="tansu", help="name of the one bucket (default: tansu)")
    return run_process(_main(parser.parse_args(argv)), "object_store")


if __name__ == "__main__":
    sys.exit(main())
