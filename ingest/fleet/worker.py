"""The fleet shard: ``python -m ingest.fleet.worker`` finds what services of one model or provider share.

One process does the work; others that are started wait to take over. What it waits for stands under
``/readyz`` on ``--port``.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import faust
from aiohttp import web

from infra import clickhouse, errors, kafka
from infra.settings import Settings, load
from ingest.detect.run_config import RunConfig
from ingest.detect.writer import ClickHouseDetectStore
from ingest.fleet.app import build_fleet
from ingest.fleet.stage import FleetStage
from ingest.log.holes import is_hole
from ingest.log.sender import Sender
from ingest.own_scores import with_plug_ins
from ingest.probe import probe
from ingest.stream import EXIT_UNAVAILABLE, Health, run_app
from ingest.watching import fleet_config

USAGE = 2


def build(settings: Settings, host: str, port: int) -> faust.App:
    """The application with its probe, from settings."""
    store = ClickHouseDetectStore(clickhouse.connect(settings.store), room="fleet", topic=kafka.TICKS.name)
    run = RunConfig.of(settings)
    stage, health = FleetStage(store, fleet_config(settings), settings.kafka.partitions, run), Health()
    sender, holes = Sender(settings.kafka), partial(is_hole, settings.kafka)
    app = build_fleet(settings.kafka, stage, sender, health, holes, settings.home / "fleet")

    async def open_probe() -> None:
        pending = "lightship_fleet_pending_messages"
        runner = web.AppRunner(
            probe(health, lambda: {**stage.counters(), pending: float(health.pending)}), access_log=None
        )
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        await asyncio.Event().wait()

    app.task(open_probe)
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop; exit 2 for settings that cannot work, 3 if a server does not answer."""
    parser = argparse.ArgumentParser(prog="python -m ingest.fleet.worker", description=__doc__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file instead of lightship.toml")
    parser.add_argument("--host", default="127.0.0.1", help="address of the probe")
    parser.add_argument("--port", type=int, default=4322, help="port of /healthz, /readyz and /metrics")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        settings = with_plug_ins(load(options.config))
        if not settings.kafka.bootstrap:
            raise errors.Misconfigured("no Kafka address: set LIGHTSHIP_KAFKA, or run `lightship up`")
        kafka.reach(settings.kafka)
        app = build(settings, options.host, options.port)
    except errors.Misconfigured as error:
        sys.stderr.write(f"fleet: {error}\n")
        return USAGE
    except errors.Unavailable as error:
        sys.stderr.write(f"fleet: {error}\n")
        return EXIT_UNAVAILABLE
    return run_app(app)


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # the library's threads must not keep a stopped process alive
