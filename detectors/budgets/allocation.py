"""How a fleet's budget is divided among its services.

The shares add up to at most what there is, whichever services come, in whatever number: those an operator
names get what he says, the others the same fixed part each up to the number that was expected, and those
beyond it draw from a reserve (`budget.tail_part`). Nobody spends what another leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from detectors.budgets.budget import FLEET_SHARES, tail_part
from detectors.budgets.service_budget import ServiceBudget
from detectors.observation import ServiceKey

_KINDS: tuple[tuple[str, Callable[[ServiceBudget], float]], ...] = (
    ("pages_per_month", lambda g: g.pages_per_month),
    ("tickets_per_week", lambda g: g.tickets_per_week),
)


def allot(
    fleet: ServiceBudget, own: Mapping[str, ServiceBudget], services: Sequence[ServiceKey], max_services: int
) -> dict[ServiceKey, ServiceBudget]:
    """What each of ``services`` (of one fleet, in order of registration) may raise for nothing.

    Parameters
    ----------
    fleet
        The operator's budget.
    own
        Budgets of services by name, 0 where a service gets what others get. Several environments of a
        service divide its own budget.
    max_services
        Services that are expected, those with budgets of their own among them.

    Raises
    ------
    ValueError
        If the services' own budgets are more than services may spend; the message says how much that is.
    """
    parts = [_parts(name, of, fleet, own, services, max_services) for name, of in _KINDS]
    return {key: ServiceBudget(pages, tickets) for key, pages, tickets in zip(services, *parts, strict=True)}


def _parts(
    name: str,
    of: Callable[[ServiceBudget], float],
    fleet: ServiceBudget,
    own: Mapping[str, ServiceBudget],
    services: Sequence[ServiceKey],
    max_services: int,
) -> list[float]:
    named = {service: of(grant) for service, grant in own.items() if of(grant) > 0}
    total, taken = of(fleet) * FLEET_SHARES["services"], sum(named.values())
    others = max_services - len(named)
    if taken > total or (taken == total and others > 0):
        raise ValueError(
            f"{name} of [service.{'], [service.'.join(sorted(named))}] add up to {taken:g}: all services "
            f"together may have less than {total:g}, {FLEET_SHARES['services']:.0%} of budget.{name}"
        )
    environments = Counter(key.service for key in services)
    out, seen = [], 0
    for key in services:
        if key.service in named:
            out.append(named[key.service] / environments[key.service])
            continue
        seen += 1
        if seen <= others:
            out.append((total - taken) / others)
        else:
            out.append(of(fleet) * FLEET_SHARES["late"] * tail_part(seen - others))
    return out
