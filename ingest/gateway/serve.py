"""``python -m ingest.gateway``: the gateway as a process."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from infra import kafka, settings
from infra.errors import Misconfigured
from infra.settings import Settings
from ingest.gateway.app import Gateway
from ingest.gateway.grouping import Grouper
from ingest.gateway.ingest_keys import IngestKeys, check_host, load_keys
from ingest.gateway.intake import Intake, Redactors
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import KafkaProducer, Producer
from ingest.settings_check import check

MIB = 1 << 20
SHUTDOWN_S = 10
DEFAULT_BOOTSTRAP = "127.0.0.1:9092"


def build(chosen: Settings, keys: IngestKeys, producer: Producer) -> Gateway:
    """The application from settings."""
    counters = Metrics()
    grouper = Grouper(producer, counters, linger_s=chosen.gateway.linger_ms / 1000)
    intake = Intake(
        producer,
        grouper,
        Redactors(chosen.home, chosen.redaction),
        counters,
        partitions=chosen.kafka.partitions,
    )
    return Gateway(
        intake,
        producer,
        keys,
        counters,
        max_body_bytes=chosen.gateway.max_body_mib * MIB,
        max_in_flight_bytes=chosen.gateway.max_in_flight_mib * MIB,
    )


def parse(argv: Sequence[str]) -> tuple[Settings, IngestKeys]:
    """Settings with what the command line changes, and the ingest keys.

    Raises
    ------
    Misconfigured
        If a setting, a file or the address cannot be used.
    """
    parser = argparse.ArgumentParser(prog="python -m ingest.gateway", description=__doc__)
    parser.add_argument("--config", type=Path, help="settings file instead of lightship.toml")
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="port of OTLP/HTTP")
    parser.add_argument("--kafka", help="bootstrap addresses, host:port,...")
    parser.add_argument("--partitions", type=int, help="partitions of otlp_spans and otlp_logs")
    parser.add_argument("--key-file", type=Path, help="ingest keys, `<tenant> <SHA-256 of the key>` a line")
    parser.add_argument("--idempotent", action="store_true", help="as kafka.idempotent (Apache Kafka)")
    given = parser.parse_args(argv)
    chosen = settings.load(given.config)
    gateway = dataclasses.replace(
        chosen.gateway, host=given.host or chosen.gateway.host, port=given.port or chosen.gateway.port
    )
    broker = dataclasses.replace(
        chosen.kafka,
        bootstrap=given.kafka or chosen.kafka.bootstrap or DEFAULT_BOOTSTRAP,
        partitions=given.partitions or chosen.kafka.partitions,
        idempotent=given.idempotent or chosen.kafka.idempotent,
    )
    keys = load_keys(given.key_file) if given.key_file else IngestKeys(None)
    check_host(gateway.host, keys)
    check(chosen)
    return dataclasses.replace(chosen, gateway=gateway, kafka=broker), keys


def _ignore(_number: int, _frame: object) -> None:
    """Being told to stop is a normal end."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop; exit 2 for settings that cannot work."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(
        logging.CRITICAL
    )  # ten lines a second in an outage; we say it once
    signal.signal(signal.SIGTERM, _ignore)  # uvicorn raises it again when it has stopped
    signal.signal(signal.SIGINT, _ignore)
    try:
        chosen, keys = parse(sys.argv[1:] if argv is None else argv)
        producer = KafkaProducer(chosen.kafka, (kafka.SPANS.name, kafka.LOGS.name))
    except Misconfigured as error:
        sys.stderr.write(f"gateway: {error}\n")
        return 2
    uvicorn.run(
        build(chosen, keys, producer),
        host=chosen.gateway.host,
        port=chosen.gateway.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        server_header=False,
        date_header=False,
        log_level="warning",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    return 0
