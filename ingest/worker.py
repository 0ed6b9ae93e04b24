"""The stream worker: ``python -m ingest.worker`` scores and detects on its share of the partitions.

Start as many as there are partitions at most; Kafka divides the work. What it waits for stands under
``/readyz`` on ``--port``.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import faust
from aiohttp import web

from infra import clickhouse, errors, kafka
from infra.clock import SystemClock
from infra.settings import Settings, load
from ingest.app import Wiring, build
from ingest.detect.days import Days
from ingest.detect.run_config import RunConfig, engine
from ingest.detect.stage import DetectStage
from ingest.detect.writer import ClickHouseDetectStore
from ingest.log.holes import is_hole
from ingest.log.sender import Sender
from ingest.own_scores import with_plug_ins
from ingest.probe import probe
from ingest.pulse import Pulse
from ingest.score.settings_reader import SettingsReader
from ingest.score.setup import score_stage
from ingest.score.stage import ScoreStage
from ingest.stream import EXIT_UNAVAILABLE, Health, run_app

logger = logging.getLogger(__name__)

USAGE = 2


def detect_stage(settings: Settings) -> DetectStage:
    """Stage 2 over the configured store."""
    store = ClickHouseDetectStore(clickhouse.connect(settings.store))
    e = engine(settings)
    run = RunConfig.of(settings)
    return DetectStage(store, e.config, e.partitions, e.lateness_ns, e.limits, run=run)


def _serve_probe(
    app: faust.App, wiring: Wiring, score: ScoreStage, detect: DetectStage, host: str, port: int
) -> None:
    """Open the probe with the stream's loop."""

    async def open_probe() -> None:
        def counters() -> Mapping[str, float]:
            health = wiring.health
            applied = {
                f'lightship_worker_applied_offset{{partition="{p}"}}': float(n)
                for p, n in health.applied.items()
            }
            return {
                **score.counters(),
                **detect.counters(),
                **applied,
                "lightship_worker_pending_messages": float(health.pending),
                "lightship_worker_stopped": float(health.stopped is not None),
            }

        runner = web.AppRunner(probe(wiring.health, counters), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        await asyncio.Event().wait()

    app.task(open_probe)


def _overslept(seconds: float) -> None:
    logger.critical("stood still for %.1f s, longer than the session: starting again", seconds)
    logging.shutdown()
    os._exit(EXIT_UNAVAILABLE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop; exit 2 for settings that cannot work, 3 if a server does not answer."""
    parser = argparse.ArgumentParser(prog="python -m ingest.worker", description=__doc__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file instead of lightship.toml")
    parser.add_argument("--host", default="127.0.0.1", help="address of the probe")
    parser.add_argument("--port", type=int, default=4319, help="port of /healthz, /readyz and /metrics")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        settings = with_plug_ins(load(options.config))
        if not settings.kafka.bootstrap:
            raise errors.Misconfigured("no Kafka address: set LIGHTSHIP_KAFKA, or run `lightship up`")
        kafka.reach(settings.kafka)
        obeyed = SettingsReader(settings.kafka)
        score, detect = score_stage(settings, obeyed.current), detect_stage(settings)
        days = Days(clickhouse.connect(settings.store))
    except errors.Misconfigured as error:
        sys.stderr.write(f"worker: {error}\n")
        return USAGE
    except errors.Unavailable as error:
        sys.stderr.write(f"worker: {error}\n")
        return EXIT_UNAVAILABLE
    obeyed.start()
    health = Health()
    sender = Sender(settings.kafka)
    wiring = Wiring(
        score, detect, sender, health, SystemClock().now_ns, partial(is_hole, settings.kafka), days.run
    )
    app = build(settings.kafka, wiring, settings.home / "worker")
    _serve_probe(app, wiring, score, detect, options.host, options.port)
    Pulse(settings.kafka.session_timeout_s, _overslept).start()
    return run_app(app)


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # the library's threads must not keep a stopped worker alive
