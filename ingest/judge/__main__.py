"""``python -m ingest.judge``: the judges of the settings, at work until told to stop.

What they wait for stands under ``/readyz`` on ``--port``; an API that does not answer is no reason to be not
ready: it is left alone, and counted.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from infra.clock import NS_PER_S, SystemClock
from infra.fault import Fault
from infra.settings import Settings, load
from ingest import process
from ingest.agents.probe import probe_app
from ingest.errors import Unavailable
from ingest.gateway.metrics import Metrics
from ingest.judge.judge import Judge
from ingest.judge.metrics import ALL
from ingest.judge.setup import benches, gauges, judges

logger = logging.getLogger(__name__)

AGAIN_S = 2.0
"""Seconds until a store or broker that did not answer is tried again."""
AFTER_DEFECT_S = 30.0
"""Seconds, at least, until a judge goes on whose round our own code failed on."""


async def serve(settings: Settings, host: str, port: int) -> None:
    """Run until SIGTERM or SIGINT.

    Raises
    ------
    Misconfigured
        As `judges`.
    Unavailable
        If ClickHouse does not answer at the start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    counters = Metrics(ALL)
    waiting_for: dict[str, str] = {}
    async with judges(settings, SystemClock(), counters) as working:
        runner = web.AppRunner(_probe(working, waiting_for, counters, host), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        try:
            async with asyncio.TaskGroup() as tasks:
                for judge in working:
                    tasks.create_task(work(judge, stop, waiting_for))
        finally:
            await runner.cleanup()


async def work(judge: Judge, stop: asyncio.Event, waiting_for: dict[str, str]) -> None:
    """Round after round; what does not answer is waited for, and what our own code raises is tried again."""
    name, every_s = judge.bench.name, judge.bench.settings.every_s
    while not stop.is_set():
        pause_s = every_s
        try:
            await judge.round(stop)
            waiting_for.pop(name, None)
        except Unavailable as error:
            if waiting_for.get(name) != str(error):
                logger.warning("judge %s waits: %s", name, error)
            waiting_for[name] = str(error)
            pause_s = AGAIN_S
        except Exception as error:  # noqa: BLE001 - the other judges go on, and the next round may succeed
            waiting_for[name] = f"a defect: {Fault.of(error)}"
            logger.error("judge %s: %s", name, waiting_for[name])
            pause_s = max(every_s, AFTER_DEFECT_S)
        rest_s = (judge.rest_until_ns - judge.now_ns()) / NS_PER_S
        await _pause(stop, max(pause_s, rest_s) if rest_s > 0 else pause_s)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def _probe(
    working: Sequence[Judge], waiting_for: dict[str, str], counters: Metrics, host: str
) -> web.Application:
    def metrics() -> str:
        for judge in working:
            gauges(judge, counters)
        return counters.render()

    return probe_app(lambda: {"ready": not waiting_for, "waiting_for": waiting_for}, metrics, host)


def _settings(path: Path | None) -> Settings:
    settings = load(path)
    benches(settings)
    return settings


def _start(settings: Settings, options: argparse.Namespace) -> int:
    asyncio.run(serve(settings, options.host, options.port))
    return process.OK


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop; exit 2 for settings that cannot work, 3 if a server does not answer."""
    parser = process.arguments("ingest.judge", __doc__, port=4323)
    return process.run("judge", parser, argv, _start, read=_settings)


if __name__ == "__main__":
    sys.exit(main())
