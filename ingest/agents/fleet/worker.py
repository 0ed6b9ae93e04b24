"""The fleet shard, ``python -m ingest.agents.fleet.worker``: what services of one model or provider share.

One process does the work; others that are started wait to take over. What it waits for stands under
``/readyz`` on ``--port``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial

import faust

from infra import clickhouse, kafka
from infra.settings import Settings, load
from ingest import process
from ingest.agents.detect.program import program
from ingest.agents.detect.run_config import RunConfig
from ingest.agents.detect.writer import ClickHouseDetectStore
from ingest.agents.fleet.app import build_fleet
from ingest.agents.fleet.stage import FleetStage
from ingest.agents.missing_topics import await_topics
from ingest.agents.probe import open_beside, probe
from ingest.agents.stream import Health, run_app
from ingest.custom_scores import with_plug_ins
from ingest.detection_settings import fleet_config
from ingest.topics.holes import is_hole
from ingest.topics.sender import Sender

TOPICS = (kafka.TICKS, kafka.FINDINGS, kafka.DEAD_LETTERS)
"""What it reads and writes."""


def build(settings: Settings, host: str, port: int) -> faust.App:
    """The application with its probe, from settings."""
    store = ClickHouseDetectStore(clickhouse.connect(settings.store), room="fleet", topic=kafka.TICKS.name)
    run = RunConfig.of(settings)
    partitions = settings.kafka.partitions
    stage = FleetStage(store, fleet_config(settings), partitions, run, version=program())
    health = Health()
    sender, holes = Sender(settings.kafka), partial(is_hole, settings.kafka)
    app = build_fleet(settings.kafka, stage, sender, health, holes, settings.home / "fleet")

    await_topics(app, settings.kafka, TOPICS, health)
    pending = "lightship_fleet_pending_messages"
    counted = probe(health, lambda: {**stage.counters(), pending: float(health.pending)}, host)
    open_beside(app, counted, host, port)
    return app


def _start(settings: Settings, options: argparse.Namespace) -> int:
    return run_app(build(settings, options.host, options.port))


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop; exit 2 for settings that cannot work, 3 if a server does not answer."""
    parser = process.arguments("ingest.agents.fleet.worker", __doc__, port=4322)
    return process.run("fleet", parser, argv, _start, read=lambda path: with_plug_ins(load(path)))


if __name__ == "__main__":
    process.end(main())
