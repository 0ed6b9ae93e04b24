"""``lightship quarantine``: services that detection failed on, listed and released."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from detectors.observation import ServiceKey
from infra import clickhouse
from infra.embedded.addresses import reach
from infra.kafka import OBSERVATIONS, TICKS
from infra.settings import load
from infra.typed_table import unknown
from ingest.agents.detect.evidence import DETECT, FLEET
from ingest.agents.detect.quarantine_log import release
from ingest.errors import Unavailable
from ingest.settings_check import checked
from ingest.topics.sender import Sender

TOPICS = {DETECT: OBSERVATIONS.name, FLEET: TICKS.name}
"""Where a room reads what it is to do."""
_OPEN = """
SELECT room, shard, tenant, lineage, environment, service, since_offset, toString(min(since)),
    any(error), any(place), any(program)
FROM quarantine
GROUP BY room, shard, tenant, lineage, environment, service, since_offset
HAVING max(released) = 0
ORDER BY room, tenant, lineage, environment, service, since_offset
LIMIT 1000
"""


@dataclass(frozen=True, slots=True)
class SetAside:
    """One service that is not watched; ``since`` is the clock of its lineage then, UTC."""

    room: str
    shard: int
    tenant: str
    lineage: str
    environment: str
    service: str
    since_offset: int
    since: str
    error: str
    place: str
    program: str

    @property
    def key(self) -> ServiceKey:
        """Whose it is."""
        return ServiceKey(self.tenant, self.lineage, self.environment, self.service)


def set_aside(store: Client) -> list[SetAside]:
    """Services in quarantine, as the tables say.

    Raises
    ------
    clickhouse_connect.driver.exceptions.ClickHouseError
        If ClickHouse does not answer.
    """
    return [SetAside(*row) for row in store.query(_OPEN).result_rows]


def listed(config: Path | None) -> dict[str, Any]:
    """Services in quarantine.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    settings = reach(checked(load(config)))
    return {"services": [asdict(one) for one in _asked(clickhouse.connect(settings.store))]}


def released(
    config: Path | None, service: str, tenant: str | None, lineage: str | None, environment: str | None
) -> dict[str, Any]:
    """Have a service watched again, wherever it is in quarantine.

    Raises
    ------
    Misconfigured
        If no such service is in quarantine.
    Unavailable
        If ClickHouse or Kafka does not answer.
    """
    settings = reach(checked(load(config)))
    known = _asked(clickhouse.connect(settings.store))
    wanted = {"service": service, "tenant": tenant, "lineage": lineage, "environment": environment}
    meant = [one for one in known if all(v is None or getattr(one, k) == v for k, v in wanted.items())]
    if not meant:
        raise unknown("service in quarantine", service, sorted({one.service for one in known}))

    async def send() -> None:
        sender = Sender(settings.kafka)
        try:
            await sender.send([release(TOPICS[one.room], one.key) for one in meant])
        finally:
            await sender.close()

    asyncio.run(send())
    return {"released": [asdict(one) for one in meant]}


def _asked(store: Client) -> list[SetAside]:
    try:
        return set_aside(store)
    except ClickHouseError as error:
        raise Unavailable(f"ClickHouse did not answer: {str(error)[:200]}") from error


def show_list(report: Mapping[str, Any]) -> str:
    """The report in words."""
    if not report["services"]:
        return "every service is watched"
    return "\n".join(_line(one) for one in report["services"])


def show_release(report: Mapping[str, Any]) -> str:
    """The report in words."""
    names = (_name(one) for one in report["released"])
    return "\n".join(f"{name} is watched again from its next tick on: it learns anew" for name in names)


def _name(one: Mapping[str, Any]) -> str:
    parts: Sequence[str] = (one["tenant"], one["lineage"], one["environment"], one["service"])
    return "/".join(part for part in parts if part)


def _line(one: Mapping[str, Any]) -> str:
    return (
        f"{_name(one)} since {one['since'][:19]} UTC, {one['room']} log {one['shard']} offset "
        f"{one['since_offset']}: {one['error']} at {one['place']} (version {one['program'] or 'unknown'})"
    )
