"""The relay: ``python -m ingest.agents.relay.worker`` redacts what others write to the open topics of Kafka.

Start as many as the open topics have partitions at most; Kafka divides the work. What it waits for stands
under ``/readyz`` on ``--port``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import faust

from infra import kafka
from infra.clock import SystemClock
from infra.private_files import private_directory
from infra.settings import Settings, load
from ingest import process
from ingest.agents.missing_topics import await_topics
from ingest.agents.probe import open_beside, probe
from ingest.agents.relay.app import build_relay
from ingest.agents.relay.metrics import ALL
from ingest.agents.relay.relay import Relay
from ingest.agents.stream import Health, run_app
from ingest.gateway.grouping import Grouper
from ingest.gateway.ingest_keys import IngestKeys, load_keys
from ingest.gateway.intake import Intake
from ingest.gateway.key_file import USUAL
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import KafkaProducer
from ingest.gateway.redaction_pool import pool_of
from ingest.intake_check import check_intake
from ingest.otlp.redactors import Redactors, budget_of
from ingest.topics.holes import is_hole
from ingest.topics.sender import Sender

TOPICS = (kafka.SPANS_IN, kafka.LOGS_IN, kafka.SPANS, kafka.LOGS, kafka.DEAD_LETTERS)
"""What it reads and writes."""


def build(settings: Settings, keys: IngestKeys, host: str, port: int) -> faust.App:
    """The application with its probe, from settings."""
    counters, health = Metrics(ALL), Health()
    producer = KafkaProducer(settings.kafka, (kafka.SPANS.name, kafka.LOGS.name))
    intake = Intake(
        producer,
        Grouper(producer, counters, linger_s=settings.gateway.linger_ms / 1000),
        Redactors(settings.home, settings.redaction, budget_of(settings.gateway)),
        counters,
        partitions=settings.kafka.partitions,
        pool=pool_of(settings, counters),
        request_ms=settings.gateway.redaction_request_ms,
    )
    sender, holes = Sender(settings.kafka), partial(is_hole, settings.kafka)
    relay = Relay(intake, keys, counters, SystemClock().now_ns)
    app = build_relay(settings.kafka, relay, intake, producer, sender, health, holes, settings.home / "relay")

    await_topics(app, settings.kafka, TOPICS, health)
    pending = "lightship_relay_pending_messages"
    counted = probe(health, lambda: {**counters.samples(), pending: float(health.pending)}, host)
    open_beside(app, counted, host, port)
    return app


def _settings(path: Path | None) -> Settings:
    settings = load(path)
    check_intake(settings)
    return settings


def _start(settings: Settings, options: argparse.Namespace) -> int:
    named = options.key_file
    keys = load_keys(named or settings.home / USUAL, must_exist=named is not None)
    private_directory(settings.home)
    return run_app(build(settings, keys, options.host, options.port))


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop; exit 2 for settings that cannot work, 3 if a server does not answer."""
    parser = process.arguments("ingest.agents.relay.worker", __doc__, port=4321)
    parser.add_argument("--key-file", type=Path, help="ingest keys, as the gateway's")
    return process.run("relay", parser, argv, _start, read=_settings)


if __name__ == "__main__":
    process.end(main())
