"""What each service may raise for nothing, told to detection: control records of the operator's budget.

The alerts service is the only writer of these records. It reads which services there are, divides each
fleet's budget (a fleet: a tenant's services in one lineage), and writes what has changed; after a start it
writes everything once, so a changed setting takes effect. Repeated records change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from detectors.budgets.allocation import allot
from detectors.budgets.budget import FLEET_SHARES
from detectors.budgets.service_budget import ServiceBudget
from detectors.finding import SEVERAL
from detectors.observation import ServiceKey, encode
from infra.errors import Misconfigured
from infra.kafka import OBSERVATIONS, TICKS
from infra.settings import Settings

Send = Callable[[Sequence[tuple[str, bytes, bytes]]], None]
"""Writes (topic, key, value) messages; returns when all are acknowledged."""


def allocations_of(settings: Settings, services: Sequence[ServiceKey]) -> dict[ServiceKey, ServiceBudget]:
    """Budgets of ``services``, in order of registration, and of the roll-ups across each fleet's.

    Raises
    ------
    Misconfigured
        If the settings give away more than there is.
    """
    b = settings.budget
    fleet = ServiceBudget(b.pages_per_month, b.tickets_per_week)
    own = {name: ServiceBudget(s.pages_per_month, s.tickets_per_week) for name, s in settings.service.items()}
    fleets: dict[tuple[str, str], list[ServiceKey]] = {}
    for key in services:
        fleets.setdefault((key.tenant, key.lineage), []).append(key)
    out: dict[ServiceKey, ServiceBudget] = {}
    for (tenant, lineage), keys in fleets.items():
        try:
            out |= allot(fleet, own, keys, b.max_services)
        except ValueError as error:
            raise Misconfigured(str(error)) from error
        environments = sorted({key.environment for key in keys})
        shared = fleet.part(FLEET_SHARES["fleet"] / len(environments))
        out |= {ServiceKey(tenant, lineage, name, SEVERAL): shared for name in environments}
    return out


class BudgetAllocations:
    """What has been told. Used by one thread."""

    def __init__(self, settings: Settings, services: Callable[[], Sequence[ServiceKey]], send: Send) -> None:
        self._settings = settings
        self._services = services
        self._send = send
        self._told: Mapping[ServiceKey, ServiceBudget] = {}

    def send_changed(self) -> int:
        """Write what is new or has changed; how many records that were.

        Raises
        ------
        Unavailable
            If the store or the broker does not answer; call again.
        Misconfigured
            If the settings give away more than there is.
        """
        granted = allocations_of(self._settings, self._services())
        news = [(key, grant) for key, grant in granted.items() if self._told.get(key) != grant]
        if news:
            self._send([_message(key, grant) for key, grant in news])
            self._told = granted
        return len(news)

    def forget(self) -> None:
        """Another process may have written meanwhile: tell everything again."""
        self._told = {}


def _message(key: ServiceKey, grant: ServiceBudget) -> tuple[str, bytes, bytes]:
    topic = TICKS if key.service == SEVERAL else OBSERVATIONS
    return topic.name, key.text().encode(), encode(grant.control(key))
