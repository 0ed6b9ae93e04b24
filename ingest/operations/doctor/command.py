"""``lightship doctor``: gathers facts, and lets the checks judge them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.disks import disk_space_of
from infra.embedded.addresses import alerts_address, gateway_address, reach
from infra.embedded.run_file import read_run
from infra.embedded.run_report import children_of
from infra.errors import Misconfigured
from infra.gateway_section import INGEST_KEY
from infra.kafka import SPANS_IN, TOPICS
from infra.onramp.application_env import application
from infra.onramp.look import look
from infra.settings import Settings, load
from ingest.agents.score.enabled_scorers import chosen
from ingest.errors import Unavailable
from ingest.operations.doctor import gather
from ingest.operations.doctor.check_app import App, check_app
from ingest.operations.doctor.check_judges import check_judges
from ingest.operations.doctor.check_quarantine import check_quarantine
from ingest.operations.doctor.check_receivers import check_receivers, last_attempts
from ingest.operations.doctor.check_scorers import check_scorers
from ingest.operations.doctor.check_servers import (
    Server,
    check_clock,
    check_disk_space,
    check_progress,
    check_restarts,
    check_server,
    check_topics,
    check_unredacted,
    check_waiting,
)
from ingest.operations.doctor.check_services import check_services
from ingest.operations.doctor.line import AWAY, FAIL, Line
from ingest.operations.doctor.starting import settled, started_s
from ingest.operations.doctor.test_call import (
    Endpoint,
    check_passage,
    go_through,
    grpc_endpoint,
    http_endpoint,
    kafka_endpoint,
)
from ingest.operations.quarantine import set_aside
from ingest.settings_check import checked

WORKER = "http://127.0.0.1:4319"
FLEET = "http://127.0.0.1:4322"
JUDGE = "http://127.0.0.1:4323"
ROOMS = {
    "gateway": "ingest.gateway",
    "relay": "ingest.agents.relay.worker",
    "worker": "ingest.worker",
    "fleet": "ingest.agents.fleet.worker",
    "alerts": "alerts.service",
    "judge": "ingest.judge",
}
"""Rooms and the modules that run them; the gateway is the first."""
GUESSED = frozenset(("worker", "fleet", "alerts", "judge"))
"""Rooms whose address no setting tells to other machines."""
OPEN_TOPICS = [t.name for t in TOPICS if t.unredacted]


def examine(
    config: Path | None, *, app: App | None, wait_s: float, environ: Mapping[str, str] = os.environ
) -> list[Line]:
    """Everything the doctor has to say.

    Raises
    ------
    Misconfigured
        If the settings cannot be used.
    """
    settings = load(config)
    lines: list[Line] = []
    if app is not None:
        found = look(app.folder, environ, app.runtime)
        needed = application(settings, environ.get(INGEST_KEY, ""), found, environ)
        lines += check_app(environ, needed)
    try:
        settings = reach(settings)
    except Misconfigured as error:
        return [*lines, Line("addresses", AWAY, str(error), "lightship up")]
    return lines + _of_servers(settings, environ.get(INGEST_KEY, ""), wait_s)


def _of_servers(settings: Settings, key: str, wait_s: float) -> list[Line]:
    addresses = _addresses(settings)
    kafka, topics = gather.kafka_server(settings.kafka, OPEN_TOPICS)
    clickhouse, store = gather.store_server(settings.store)
    run = read_run(settings.home) or {}
    known = run.get("addresses", {})
    rooms = [
        gather.process_server(
            name,
            addresses[name],
            f"python -m {module}",
            elsewhere=name in GUESSED - set(known),
            instance=str(run.get("instance", "")) if name in known else "",
        )
        for name, module in ROOMS.items()
        if name in addresses
    ]
    lines = [check_server(s) for s in (kafka, clickhouse, *rooms)]
    lines += check_restarts(children_of(run), time.time_ns())
    if topics is not None:
        lines += check_topics(topics.partitions, settings.kafka, TOPICS)
        lines += check_unredacted(topics.unredacted_ms)
        lines += _of_scorers(settings)
    lines += check_judges(settings)
    lines += check_receivers(settings.receiver, _last_attempts(store))
    lines += check_disk_space(disk_space_of(settings.home, store))
    if store is not None:
        lines += _of_store(settings, store, lags=topics is not None)
    doors = _doors(settings, addresses, key, topics, _answers(rooms[0]))
    passages = go_through(doors, store, wait_s=wait_s, now_ns=time.time_ns())
    lines += [check_passage(p) for p in passages]
    return settled(lines, {*ROOMS, *(p.door for p in passages)}, started_s(run, time.time_ns()))


def _of_scorers(settings: Settings) -> list[Line]:
    """Whether all scorers can be made, and run."""
    try:
        versions = chosen(checked(settings)).versions()
    except Misconfigured as error:
        return [Line("scorers", FAIL, str(error), "lightship scorers check")]
    try:
        return check_scorers(gather.applied_settings(settings.kafka).off(versions), versions)
    except Unavailable as error:
        return [Line("scorers", AWAY, str(error), "lightship setup")]


def _last_attempts(store: Client | None) -> dict[str, tuple[str, str]]:
    """What became of the newest message to each receiver, as far as it can be read."""
    try:
        return {} if store is None else last_attempts(store)
    except ClickHouseError:
        return {}  # a line about the tables says why


def _answers(server: Server) -> bool:
    return not server.away


def _addresses(settings: Settings) -> dict[str, str]:
    """Where rooms are: the running instance's, else the configured ones."""
    run = read_run(settings.home) or {}
    found = {str(name): str(address) for name, address in run.get("addresses", {}).items()}
    usual = {
        "gateway": gateway_address(settings),
        "worker": WORKER,
        "fleet": FLEET,
        "alerts": alerts_address(settings),
        **({"judge": JUDGE} if settings.judge else {}),
    }
    return {**usual, **found}


def _of_store(settings: Settings, store: Client, *, lags: bool) -> list[Line]:
    """What the tables say."""
    try:
        lines = [check_clock("ClickHouse", *gather.clock_of(store))]
        ages_s, waiting = gather.progress_of(store, settings.kafka) if lags else ({}, None)
        lines += check_progress(ages_s, waiting) if lags else []
        lines += check_waiting(gather.waiting_of(store, settings.kafka)) if lags else []
        lines += check_quarantine(set_aside(store))
        return lines + check_services(*gather.services_of(store), gather.silent_of(store))
    except ClickHouseError as error:
        return [Line("tables", FAIL, f"ClickHouse refuses a question: {str(error)[:200]}", "lightship setup")]


def _doors(
    settings: Settings, addresses: Mapping[str, str], key: str, topics: gather.Topics | None, gateway: bool
) -> list[Endpoint]:
    """Every way in that is on; those of a gateway that does not answer are not tried."""
    doors: list[Endpoint] = []
    if gateway:
        doors += [http_endpoint(addresses["gateway"], key, as_json=as_json) for as_json in (False, True)]
        if "grpc" in addresses:
            doors.append(grpc_endpoint(addresses["grpc"], key))
    if topics is not None and SPANS_IN.name in topics.partitions:
        doors.append(kafka_endpoint(settings.kafka, SPANS_IN.name, key))
    return doors
