"""The stream worker: ``python -m ingest.worker`` scores and detects on its share of the partitions.

Start as many as there are partitions at most; Kafka divides the work. What it waits for stands under
``/readyz`` on ``--port``.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from functools import partial

from infra import clickhouse, kafka
from infra.clock import SteadyClock
from infra.settings import Settings, load
from ingest import process
from ingest.agents.app import Wiring, build
from ingest.agents.detect.days import Days
from ingest.agents.detect.program import program
from ingest.agents.detect.run_config import RunConfig, engine
from ingest.agents.detect.stage import DetectStage
from ingest.agents.detect.writer import ClickHouseDetectStore
from ingest.agents.heartbeat import Heartbeat
from ingest.agents.missing_topics import await_topics
from ingest.agents.probe import open_beside, probe
from ingest.agents.score.settings_reader import SettingsReader
from ingest.agents.score.setup import score_stage
from ingest.agents.score.stage import ScoreStage
from ingest.agents.stream import Health, run_app
from ingest.custom_scores import with_plug_ins
from ingest.exit_code import UNAVAILABLE
from ingest.topics.holes import is_hole
from ingest.topics.sender import Sender

TOPICS = (
    kafka.SPANS,
    kafka.LOGS,
    kafka.OBSERVATIONS,
    kafka.TICKS,
    kafka.SETTINGS,
    kafka.FINDINGS,
    kafka.DEAD_LETTERS,
)
"""What it reads and writes."""

logger = logging.getLogger(__name__)


def detect_stage(settings: Settings) -> DetectStage:
    """Stage 2 over the configured store."""
    store = ClickHouseDetectStore(clickhouse.connect(settings.store))
    e = engine(settings)
    run = RunConfig.of(settings)
    return DetectStage(store, e.config, e.partitions, e.lateness_ns, e.limits, run=run, version=program())


def _counters(wiring: Wiring, score: ScoreStage, detect: DetectStage) -> Mapping[str, float]:
    health = wiring.health
    applied = {
        f'lightship_worker_applied_offset{{partition="{p}"}}': float(n) for p, n in health.applied.items()
    }
    return {
        **score.counters(),
        **detect.counters(),
        **applied,
        "lightship_worker_pending_messages": float(health.pending),
        "lightship_worker_stopped": float(health.stopped is not None),
    }


def _overslept(seconds: float) -> None:
    logger.critical("stood still for %.1f s, longer than the session: starting again", seconds)
    process.end(UNAVAILABLE)


def _start(settings: Settings, options: argparse.Namespace) -> int:
    obeyed = SettingsReader(settings.kafka)
    clock = SteadyClock()
    score, detect = score_stage(settings, obeyed.current, clock=clock), detect_stage(settings)
    days = Days(clickhouse.connect(settings.store))
    obeyed.start()
    health = Health()
    sender = Sender(settings.kafka)
    wiring = Wiring(score, detect, sender, health, clock.now_ns, partial(is_hole, settings.kafka), days.run)
    app = build(settings.kafka, wiring, settings.home / "worker")
    await_topics(app, settings.kafka, TOPICS, health)
    open_beside(
        app, probe(health, lambda: _counters(wiring, score, detect), options.host), options.host, options.port
    )
    Heartbeat(settings.kafka.session_timeout_s, _overslept).start()
    return run_app(app)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop; exit 2 for settings that cannot work, 3 if a server does not answer."""
    parser = process.arguments("ingest.worker", __doc__, port=4319)
    return process.run("worker", parser, argv, _start, read=lambda path: with_plug_ins(load(path)))


if __name__ == "__main__":
    process.end(main())
