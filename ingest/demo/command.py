"""The whole demonstration: start everything, send the schedule, wait, ask for incidents, judge."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from infra import clickhouse
from infra.clock import Clock
from infra.embedded.all_processes import Whole, whole
from infra.embedded.supervisor import Supervisor
from infra.settings import Settings
from ingest.demo.report import FoundIncident, report
from ingest.demo.run import Progress, run
from ingest.demo.schedule import build
from ingest.errors import Unavailable
from ingest.operations.importing.drained import has_ended, wait_until_drained
from ingest.operations.ledger.command import snapshot
from ingest.operations.ledger.proof import SUMS
from ingest.operations.verify.command import of_lineage

SETTINGS = Path(__file__).with_name("demo.toml")
DRAIN_S = 900.0
QUIET_S = 4.0
"""How long the incidents must stay as they are before they are judged."""
TENANT = "default"


@dataclass(frozen=True, slots=True)
class Started:
    """A running Lightship and how long it took to be ready."""

    whole: Whole
    settings: Settings
    ready_s: float


@contextmanager
def started(
    settings: Settings, *, config: Path | None, dashboard: bool, ports: Mapping[str, int] | None = None
) -> Iterator[Started]:
    """Everything running, until the block ends; ``config`` is the settings file its processes read.

    Raises
    ------
    infra.embedded.errors.StartFailed, infra.embedded.errors.AlreadyRunning
        If something does not start, or another instance uses the data directory.
    """
    begin = time.monotonic()
    everything = whole(settings, ports, dashboard=dashboard, config=config)
    supervisor = Supervisor(
        settings.home, everything.specs, addresses=everything.addresses, ports=everything.ports, out=None
    )
    with supervisor:
        yield Started(everything, settings, time.monotonic() - begin)


def demonstrate(
    running: Started,
    clock: Clock,
    progress: Callable[[Progress], None],
    say: Callable[[str], None],
    key: str = "",
) -> dict[str, Any]:
    """Send the schedule to a running Lightship, with an ingest key if it asks for one; judge what it found.

    Raises
    ------
    Unavailable
        If the gateway takes nothing for minutes, or the pipeline does not come to an end.
    """
    settings = running.settings
    lineage = f"demo-{secrets.token_hex(4)}"
    schedule = build(clock.now_ns(), tick_s=settings.detection.tick_s)
    addresses = running.whole.addresses
    headers = {"authorization": f"Bearer {key}"} if key else None
    traffic = run(schedule, addresses["gateway"], lineage, headers=headers, progress=progress)
    say(f"sent {traffic.interactions:,} interactions; waiting for the last of them to be processed")
    client = clickhouse.connect(running.whole.settings.store)
    wait_until_drained(
        lambda: has_ended(client, TENANT, lineage, settings.kafka.partitions), timeout_s=DRAIN_S
    )
    incidents = _settled(lambda: _incidents(running, lineage))
    account = snapshot(client, running.whole.settings.kafka, 0)
    sums = {k: sum(p[k] for p in account["partitions"]) for k in SUMS}
    result = report(
        schedule.planted,
        [FoundIncident.from_json(i) for i in incidents],
        tick_ns=schedule.tick_ns,
        count=traffic.touched,
        interactions=traffic.interactions,
        ready_s=round(running.ready_s, 1),
        ledger=sums,
    )
    say("computing every finding again from what is stored")
    verdicts = of_lineage(client, running.whole.settings, lineage)
    different = [v.difference.text() for v in verdicts if v.difference is not None]
    return {
        **result,
        "verified": {"findings": len(verdicts), "different": different},
        "lineage": lineage,
        "ok": bool(result["ok"]) and bool(account["balanced"]) and not different,
    }


def _incidents(running: Started, lineage: str) -> list[dict[str, Any]]:
    """All incidents of the lineage, whole, from the alerts API."""
    token = (running.settings.home / "keys" / "alerts.token").read_text(encoding="ascii").strip()
    address = running.whole.addresses["alerts"]
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=10) as client:
        try:
            listed = client.get("/incidents", params={"lineage": lineage, "limit": "500"}).raise_for_status()
            ids = [i["incident_id"] for i in listed.json()["incidents"]]
            return [client.get(f"/incidents/{i}").raise_for_status().json() for i in ids]
        except httpx.HTTPError as error:
            raise Unavailable(f"the alerts service at {address} did not answer: {error}") from error


def _settled(read: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What ``read`` gives once it has not changed for a while."""
    last, since = read(), time.monotonic()
    while time.monotonic() - since < QUIET_S:
        time.sleep(0.5)
        now = read()
        if now != last:
            last, since = now, time.monotonic()
    return last
