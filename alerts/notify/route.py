"""Who hears of an incident: the routes that match name the receivers, or an operator's rule does. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from alerts.incidents import multi_service
from alerts.incidents.identity import LIVE
from alerts.incidents.incident import Incident
from alerts.incidents.primary_finding import supports
from alerts.notify.self_monitoring import down, of
from detectors import service_patterns
from detectors.finding import SEVERITIES, Finding
from infra.settings import ReceiverSettings, RouteSettings, Settings

TERMINAL = ReceiverSettings(name="terminal", kind="terminal")
"""The receiver there is when none is configured: the service's own output."""


def receivers_of(settings: Settings) -> tuple[ReceiverSettings, ...]:
    """The configured receivers, or the terminal."""
    return settings.receiver or (TERMINAL,)


def reachable(settings: Settings) -> tuple[ReceiverSettings, ...]:
    """The receivers there are for what is wrong with one of them: the configured ones, and the terminal."""
    receivers = receivers_of(settings)
    if any(receiver.kind == TERMINAL.kind for receiver in receivers):
        return receivers
    taken = TERMINAL.name in {receiver.name for receiver in receivers}
    return (*receivers, replace(TERMINAL, name="lightship-terminal") if taken else TERMINAL)


def fallbacks_of(settings: Settings) -> dict[str, str]:
    """The fallback of every receiver, by its name; empty where it has none."""
    return {receiver.name: receiver.fallback for receiver in reachable(settings)}


def routes_of(settings: Settings) -> tuple[RouteSettings, ...]:
    """The configured routes, or one that sends the ``live`` lineage to the first receiver."""
    return settings.route or (RouteSettings(receiver=receivers_of(settings)[0].name),)


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing an incident is about: what a finding says of a service.

    ``receivers`` are those that the rule names which the finding is of; none where it names none.
    """

    service: str
    score: str
    alert_kind: str
    receivers: tuple[str, ...] = ()


def subjects_of(incident: Incident) -> tuple[Subject, ...]:
    """What routes are matched against: of each service, the standing findings that are gravest.

    What merely came along, a ticket in an incident that is a page, is nobody's reason to be called.
    """
    found: dict[Subject, None] = {}
    for service in multi_service.services_of(incident):
        about = [f for f in incident.findings if supports(f) and _is_about(f, service)] or [
            incident.primary_finding
        ]
        worst = min(SEVERITIES.index(f.severity) for f in about)
        for f in about:
            if SEVERITIES.index(f.severity) == worst:
                found[Subject(service, f.score, f.alert_kind, f.receivers)] = None
    return tuple(found)


def named_by_rules(incident: Incident, known: Collection[str]) -> tuple[str, ...]:
    """Receivers that rules name of which the incident has a standing finding, in order; only ``known`` ones.

    They are told however grave the rest of the incident is: whoever wrote the rule asked for that. Only live
    incidents are their business, as they are that of routes that name no lineage.
    """
    if incident.place.lineage != LIVE:
        return ()
    standing = [f for f in incident.findings if supports(f)] or [incident.primary_finding]
    return tuple(dict.fromkeys(name for f in standing for name in f.receivers if name in known))


def _is_about(finding: Finding, service: str) -> bool:
    return finding.service == service or service in finding.services_hit


def matches(route: RouteSettings, incident: Incident, subject: Subject) -> bool:
    """Whether a route takes one subject of an incident.

    An empty matcher takes all; names may hold ``*`` and ``?``. No environment is the empty name.
    """
    place = incident.place
    given = (
        (route.services, subject.service),
        (route.severities, incident.severity),
        (route.lineages, place.lineage),
        (route.environments, place.environment or ""),
        (route.tenants, place.tenant),
        (route.scores, subject.score),
        (route.alert_kinds, subject.alert_kind),
    )
    return all(service_patterns.matches(name, patterns) for patterns, name in given)


def matched(
    routes: Sequence[RouteSettings], incident: Incident, settled: Collection[str] = ()
) -> tuple[RouteSettings, ...]:
    """The routes an incident takes, in order.

    Of each subject that is the first that matches, and those after it for as long as each says ``continue``.
    A subject takes none whose rule names one of the ``settled`` receivers.
    """
    taken: set[int] = set()
    for subject in subjects_of(incident):
        if any(name in settled for name in subject.receivers):
            continue
        for i, route in enumerate(routes):
            if matches(route, incident, subject):
                taken.add(i)
                if not route.continue_:
                    break
    return tuple(routes[i] for i in sorted(taken))


def business_of(settings: Settings) -> Callable[[str, Incident], bool]:
    """Whether an incident is a receiver's business: its own routes match it, whatever its severity.

    Of a receiver that no route names, everything is.
    """
    routes = [replace(route, severities=()) for route in routes_of(settings)]

    def mine(receiver: str, incident: Incident) -> bool:
        own = [route for route in routes if receiver in route.receiver_names]
        subjects = subjects_of(incident)
        return not own or any(matches(route, incident, s) for route in own for s in subjects)

    return mine


def router(settings: Settings) -> Callable[[Incident], tuple[str, ...]]:
    """Names of the receivers for an incident: those of every route it takes.

    What is of a rule that names receivers goes to these in place of a route's; routes decide where none of
    them is configured any more. That a receiver is down is told to every other one, and on the terminal.
    """
    routes, names = routes_of(settings), [r.name for r in reachable(settings)]

    def route(incident: Incident) -> tuple[str, ...]:
        named = named_by_rules(incident, names)
        taken = matched(routes, incident, named)
        chosen = tuple(dict.fromkeys((*named, *(name for r in taken for name in r.receiver_names))))
        dead = down(incident)
        if not dead:
            return chosen
        return tuple(name for name in names if of("receiver", name) not in dead) or chosen

    return route
