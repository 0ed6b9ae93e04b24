"""The embedded ClickHouse: ``python -m infra.embedded.clickhouse_server --root DIR --port 8123``.

chDB in a process of its own, reached like any ClickHouse server by the ordinary HTTP client.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from infra.disk_reserve import DiskReserve
from infra.embedded.directory_lock import DirectoryLock
from infra.embedded.disk_guard import DiskGuard
from infra.embedded.errors import BinaryMissing
from infra.embedded.landlock import confine
from infra.embedded.ports import LOOPBACK, listen
from infra.embedded.serve import LoopbackServer, run_process, stop_on_signals
from infra.errors import Misconfigured

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 256
AGAIN = 75
"""Exit code of a server that wants to be started again (EX_TEMPFAIL of sysexits.h)."""


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.embedded.clickhouse_server",
        description=f"ClickHouse engine on {LOOPBACK} behind ClickHouse's HTTP interface.",
    )
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="directory of the data")
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 for any")
    parser.add_argument("--user", default="default", help="name of the one account (default: default)")
    parser.add_argument(
        "--password-file", type=Path, required=True, metavar="FILE", help="file with the account's password"
    )
    parser.add_argument("--threads", type=int, default=6, help="statements at once (default: 6)")
    parser.add_argument("--read-threads", type=int, default=4, help="of them reads (default: 4)")
    parser.add_argument(
        "--max-body-mib", type=int, default=256, help="largest request, compressed or not (default: 256)"
    )
    parser.add_argument("--max-result-mib", type=int, default=512, help="largest result (default: 512)")
    parser.add_argument(
        "--max-memory-mib", type=int, default=2048, help="memory of one statement (default: 2048)"
    )
    parser.add_argument(
        "--max-seconds",
        type=int,
        default=120,
        help="run time of one statement; a request's max_execution_time overrides it (default: 120)",
    )
    parser.add_argument(
        "--reserve-mib",
        type=int,
        default=0,
        metavar="N",
        help="space of the disk that is kept free; 0: a tenth of it, at most 512 (default: 0)",
    )
    return parser.parse_args(argv)


def _password(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Misconfigured(f"cannot read the password file {path}: {error.strerror}") from error
    if not text:
        raise Misconfigured(f"the password file {path} is empty: write a password into it")
    return text


READABLE = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/lib",
    "/lib64",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self/statm",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
)
"""What the engine and Python read of the system."""


def _confine(root: Path) -> None:
    """Leave this process its data, Python's libraries and what the engine needs of the system."""
    libraries = {Path(prefix) / "lib" for prefix in (sys.prefix, sys.base_prefix)}
    read = [*libraries, Path(__file__).parents[1], *map(Path, READABLE), Path("/dev/urandom")]
    if not confine(read=read, write=[root, Path("/dev/null")]):
        logger.warning(
            "this kernel has no Landlock: what a statement may read is bounded by the engine's account alone"
        )


async def _main(options: argparse.Namespace) -> int:
    password = _password(options.password_file)
    sock = listen(options.port, "the embedded store")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        from infra.embedded.clickhouse_engine import Engine  # noqa: PLC0415 - 0.3 s, after the cheap checks
    except ImportError as error:
        raise BinaryMissing(
            "the embedded store is not installed (chdb): install the embedded extra "
            "(pip install 'lightship[embedded]'), or set LIGHTSHIP_CLICKHOUSE to a server"
        ) from error
    from infra.embedded.clickhouse_http import ClickHouseHttp  # noqa: PLC0415

    stop = stop_on_signals()
    with DirectoryLock(options.root):
        _confine(options.root.resolve())
        engine = Engine(
            options.root.resolve() / "data",
            {
                "max_memory_usage": str(options.max_memory_mib << 20),
                "max_result_bytes": str(options.max_result_mib << 20),
                "max_execution_time": str(options.max_seconds),
            },
        )
        loop = asyncio.get_running_loop()
        full = asyncio.Event()

        def reopen() -> None:
            loop.call_soon_threadsafe(full.set)
            loop.call_soon_threadsafe(stop.set)

        guard = DiskGuard(
            DiskReserve(options.root, options.reserve_mib),
            stop_merges=engine.stop_merges,
            start_merges=engine.start_merges,
            reopen=reopen,
        )
        app = ClickHouseHttp(
            engine,
            user=options.user,
            password=password,
            threads=options.threads,
            read_threads=options.read_threads,
            max_body_bytes=options.max_body_mib << 20,
            guard=guard,
        )
        logger.info("ClickHouse %s at %s:%d", engine.version, *sock.getsockname()[:2])
        server = LoopbackServer(app, grace_s=8, max_connections=MAX_CONNECTIONS)
        guard.start()
        try:
            await server.run_until(stop, sock)
        finally:
            await asyncio.to_thread(guard.stop)
            await asyncio.to_thread(app.close)
            engine.close()
    return AGAIN if full.is_set() else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    return run_process(_main(_options(argv)), "store")


if __name__ == "__main__":
    sys.exit(main())
