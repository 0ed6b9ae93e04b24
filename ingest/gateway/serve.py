"""``python -m ingest.gateway``: the gateway as a process."""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from infra import kafka, settings
from infra.disk_reserve import DiskReserve
from infra.errors import Misconfigured
from infra.http_hosts import AllowedHosts
from infra.metrics_key import read_metrics_key
from infra.process_starts import report_start
from infra.settings import Settings
from infra.telemetry import export_metrics
from ingest import process
from ingest.gateway.app import Gateway
from ingest.gateway.bounded_http import Guard, bounded_http
from ingest.gateway.disk_space import WithDiskReserve
from ingest.gateway.grouping import Grouper
from ingest.gateway.grpc_endpoint import GrpcEndpoint
from ingest.gateway.http_body import Memory
from ingest.gateway.ingest_keys import IngestKeys, check_host, load_keys
from ingest.gateway.intake import Intake
from ingest.gateway.key_file import USUAL
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import KafkaProducer, Producer
from ingest.gateway.receiver import Receiver
from ingest.gateway.redaction_pool import pool_of
from ingest.intake_check import check_intake
from ingest.otlp.redactors import Redactors, budget_of

MIB = 1 << 20
SHUTDOWN_S = 10
DRAIN_S = 5.0
"""How long the rest of a body is still read that was answered before its end."""
DEFAULT_BOOTSTRAP = "127.0.0.1:9092"


def build(chosen: Settings, keys: IngestKeys, producer: Producer, counters: Metrics) -> Gateway:
    """The application from settings, with its gRPC side."""
    gateway = chosen.gateway
    grouper = Grouper(producer, counters, linger_s=gateway.linger_ms / 1000)
    intake = Intake(
        producer,
        grouper,
        Redactors(chosen.home, chosen.redaction, budget_of(gateway)),
        counters,
        partitions=chosen.kafka.partitions,
        pool=pool_of(chosen, counters),
        request_ms=gateway.redaction_request_ms,
    )
    hosts = AllowedHosts(gateway.host, gateway.allowed_hosts, "gateway.allowed_hosts")
    memory = Memory(gateway.max_in_flight_mib * MIB, counters)
    doors = []
    if gateway.grpc_port:
        doors.append(
            GrpcEndpoint(
                Receiver(intake, keys, counters),
                memory,
                counters,
                host=gateway.host,
                port=gateway.grpc_port,
                max_body_bytes=gateway.max_body_mib * MIB,
                max_connections=gateway.max_connections,
                body_timeout_s=gateway.body_timeout_s,
            )
        )
    return Gateway(
        intake,
        producer,
        keys,
        counters,
        memory=memory,
        max_body_bytes=gateway.max_body_mib * MIB,
        body_timeout_s=gateway.body_timeout_s,
        origins=gateway.allowed_origins,
        hosts=hosts,
        metrics_key=read_metrics_key(chosen.telemetry.metrics_key_file),
        doors=doors,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ingest.gateway", description=__doc__)
    parser.add_argument("--config", type=Path, help="settings file instead of lightship.toml")
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="port of OTLP/HTTP")
    parser.add_argument("--grpc-port", type=int, help="port of OTLP/gRPC, 0 for none")
    parser.add_argument("--kafka", help="bootstrap addresses, host:port,...")
    parser.add_argument("--partitions", type=int, help="partitions of otlp_spans and otlp_logs")
    parser.add_argument(
        "--key-file", type=Path, help=f"ingest keys; without it {USUAL} of the data directory, if it is there"
    )
    parser.add_argument(
        "--keep-free",
        type=Path,
        metavar="DIR",
        help="accept nothing while the disk of this folder has less than gateway.disk_reserve_mib free",
    )
    parser.add_argument("--idempotent", action="store_true", help="as kafka.idempotent (Apache Kafka)")
    return parser


def parse(argv: Sequence[str]) -> tuple[Settings, IngestKeys]:
    """Settings with what the command line changes, and the ingest keys.

    Raises
    ------
    Misconfigured
        If a setting, a file or the address cannot be used.
    """
    given = _parser().parse_args(argv)
    chosen = settings.load(given.config)
    gateway = dataclasses.replace(
        chosen.gateway,
        host=given.host or chosen.gateway.host,
        port=given.port or chosen.gateway.port,
        grpc_port=chosen.gateway.grpc_port if given.grpc_port is None else given.grpc_port,
    )
    broker = dataclasses.replace(
        chosen.kafka,
        bootstrap=given.kafka or chosen.kafka.bootstrap or DEFAULT_BOOTSTRAP,
        partitions=given.partitions or chosen.kafka.partitions,
        idempotent=given.idempotent or chosen.kafka.idempotent,
    )
    keys = load_keys(given.key_file or chosen.home / USUAL, must_exist=given.key_file is not None)
    check_host(gateway.host, keys)
    check_intake(chosen)
    return dataclasses.replace(chosen, gateway=gateway, kafka=broker), keys


def _telemetry(chosen: Settings, counters: Metrics) -> Callable[[], None]:
    """Push the numbers if somebody collects them; what stops that."""
    telemetry = chosen.telemetry
    if not telemetry.otlp_endpoint:
        return lambda: None
    instruments = counters.instruments()
    return export_metrics(instruments, telemetry.otlp_endpoint, "gateway", telemetry.every_s)


def _ignore(_number: int, _frame: object) -> None:
    """Being told to stop is a normal end."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop; exit 2 for settings that cannot work."""
    process.log_to_stderr()
    signal.signal(signal.SIGTERM, _ignore)  # uvicorn raises it again when it has stopped
    signal.signal(signal.SIGINT, _ignore)
    try:
        words = sys.argv[1:] if argv is None else argv
        chosen, keys = parse(words)
        report_start(chosen.store, "gateway")
        producer: Producer = KafkaProducer(chosen.kafka, (kafka.SPANS.name, kafka.LOGS.name))
    except Misconfigured as error:
        sys.stderr.write(f"gateway: {error}\n")
        return 2
    keep_free = _parser().parse_args(words).keep_free
    if keep_free is not None:
        producer = WithDiskReserve(producer, DiskReserve(keep_free, chosen.gateway.disk_reserve_mib))
    counters = Metrics()
    guard = Guard(
        counters,
        max_connections=chosen.gateway.max_connections,
        header_s=chosen.gateway.header_timeout_s,
        body_s=chosen.gateway.body_timeout_s + DRAIN_S,
    )
    stop_telemetry = _telemetry(chosen, counters)
    uvicorn.run(
        build(chosen, keys, producer, counters),
        host=chosen.gateway.host,
        port=chosen.gateway.port,
        loop="uvloop",
        http=bounded_http(guard),  # type: ignore[arg-type]  # it is called, never looked at as a class
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        date_header=False,
        log_level="warning",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    stop_telemetry()
    return 0
