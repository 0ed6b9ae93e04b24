"""Who hears of an incident: the first route that matches names the receiver. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from alerts.incidents import several
from alerts.incidents.incident import Incident
from alerts.watch.self_watch import down, of
from infra.settings import ReceiverSettings, RouteSettings, Settings

TERMINAL = ReceiverSettings(name="terminal", kind="terminal")
"""The receiver there is when none is configured: the service's own output."""


def receivers_of(settings: Settings) -> tuple[ReceiverSettings, ...]:
    """The configured receivers, or the terminal."""
    return settings.receiver or (TERMINAL,)


def routes_of(settings: Settings) -> tuple[RouteSettings, ...]:
    """The configured routes, or one that sends the ``live`` lineage to the first receiver."""
    return settings.route or (RouteSettings(receiver=receivers_of(settings)[0].name),)


def matches(route: RouteSettings, incident: Incident, service: str) -> bool:
    """Whether a route takes what an incident does to a service.

    An empty matcher takes all; names may hold ``*`` and ``?``.
    """
    place = incident.place
    return (
        _any(route.services, service)
        and _any(route.severities, incident.severity)
        and _any(route.lineages, place.lineage)
    )


def _any(patterns: Sequence[str], name: str) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def business_of(settings: Settings) -> Callable[[str, Incident], bool]:
    """Whether an incident is a receiver's business: its own routes match it, whatever its severity.

    Of a receiver that no route names, everything is.
    """
    routes = [replace(route, severities=()) for route in routes_of(settings)]

    def mine(receiver: str, incident: Incident) -> bool:
        own = [route for route in routes if route.receiver == receiver]
        services = several.services_of(incident)
        return not own or any(matches(route, incident, s) for route in own for s in services)

    return mine


def router(settings: Settings) -> Callable[[Incident], tuple[str, ...]]:
    """Names of the receivers for an incident: one or none for each service it is about.

    That a receiver is down is told to those that are not, to all of them if no route names one.
    """
    routes, names = routes_of(settings), [r.name for r in receivers_of(settings)]

    def route(incident: Incident) -> tuple[str, ...]:
        found = (
            next((r.receiver for r in routes if matches(r, incident, s)), None)
            for s in several.services_of(incident)
        )
        chosen = tuple(dict.fromkeys(receiver for receiver in found if receiver is not None))
        dead = down(incident)
        if not dead:
            return chosen
        alive = [name for name in names if of("receiver", name) not in dead]
        return tuple(name for name in chosen if name in alive) or tuple(alive) or chosen

    return route
