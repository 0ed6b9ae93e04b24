"""The relay: ``python -m ingest.relay.worker`` redacts what others write to the open topics of Kafka.

Start as many as the open topics have partitions at most; Kafka divides the work. What it waits for stands
under ``/readyz`` on ``--port``.
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

from infra import errors, kafka
from infra.clock import SystemClock
from infra.settings import Settings, load
from ingest.gateway.grouping import Grouper
from ingest.gateway.ingest_keys import IngestKeys, load_keys
from ingest.gateway.intake import Intake, Redactors
from ingest.gateway.key_file import USUAL
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import KafkaProducer
from ingest.intake_check import check_intake
from ingest.log.holes import is_hole
from ingest.log.sender import Sender
from ingest.probe import probe
from ingest.relay.app import build_relay
from ingest.relay.metrics import ALL
from ingest.relay.relay import Relay
from ingest.stream import EXIT_UNAVAILABLE, Health, run_app

USAGE = 2


def build(settings: Settings, keys: IngestKeys, host: str, port: int) -> faust.App:
    """The application with its probe, from settings."""
    counters, health = Metrics(ALL), Health()
    producer = KafkaProducer(settings.kafka, (kafka.SPANS.name, kafka.LOGS.name))
    intake = Intake(
        producer,
        Grouper(producer, counters, linger_s=settings.gateway.linger_ms / 1000),
        Redactors(settings.home, settings.redaction),
        counters,
        partitions=settings.kafka.partitions,
    )
    sender, holes = Sender(settings.kafka), partial(is_hole, settings.kafka)
    relay = Relay(intake, keys, counters, SystemClock().now_ns)
    app = build_relay(settings.kafka, relay, intake, producer, sender, health, holes, settings.home / "relay")

    async def open_probe() -> None:
        pending = "lightship_relay_pending_messages"
        runner = web.AppRunner(
            probe(health, lambda: {**counters.samples(), pending: float(health.pending)}), access_log=None
        )
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        await asyncio.Event().wait()

    app.task(open_probe)
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop; exit 2 for settings that cannot work, 3 if a server does not answer."""
    parser = argparse.ArgumentParser(prog="python -m ingest.relay.worker", description=__doc__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file instead of lightship.toml")
    parser.add_argument("--key-file", type=Path, help="ingest keys, as the gateway's")
    parser.add_argument("--host", default="127.0.0.1", help="address of the probe")
    parser.add_argument("--port", type=int, default=4321, help="port of /healthz, /readyz and /metrics")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        settings = load(options.config)
        if not settings.kafka.bootstrap:
            raise errors.Misconfigured("no Kafka address: set LIGHTSHIP_KAFKA, or run `lightship up`")
        check_intake(settings)
        kafka.reach(settings.kafka)
        named = options.key_file
        keys = load_keys(named or settings.home / USUAL, must_exist=named is not None)
        settings.home.mkdir(parents=True, exist_ok=True)
        app = build(settings, keys, options.host, options.port)
    except errors.Misconfigured as error:
        sys.stderr.write(f"relay: {error}\n")
        return USAGE
    except errors.Unavailable as error:
        sys.stderr.write(f"relay: {error}\n")
        return EXIT_UNAVAILABLE
    return run_app(app)


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # the library's threads must not keep a stopped relay alive
