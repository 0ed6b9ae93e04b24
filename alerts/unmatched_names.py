"""Names in rules, routes and silences that nobody has seen, so that what names them does nothing. Pure.

A name may be that of a service to come, so this is a warning. Patterns are as everywhere: ``*`` and ``?``.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields

from alerts.silences.silence import Silence
from detectors.finding import rfc3339
from detectors.internal_finding import SERVICE as OWN
from detectors.scorers.judgement import is_judgement
from detectors.service_patterns import matches
from infra.clock import to_datetime
from infra.settings import Settings

_TABLES = ("rule", "slo", "limit", "route")
"""Tables with ``services``."""


def unseen_services(settings: Settings, seen: Collection[str]) -> list[str]:
    """A sentence for each name of a service, in rules, limits and routes, that fits none ``seen``."""
    known = {*seen, OWN}
    found = [(where, name) for where, name in _named(settings) if not any(matches(s, [name]) for s in known)]
    return [
        f"{where} names service {name!r}, which nobody has seen{_near(name, known)}; remedy: name it as "
        f"`service.name` of the application does, or leave it if it is to come"
        for where, name in found
    ]


def idle_silences(
    silences: Iterable[Silence], seen: Collection[tuple[str, str]], scores: Collection[str]
) -> list[str]:
    """A sentence for each silence in force that covers nothing there is.

    ``seen`` are tenants and their services, ``scores`` those there are beside judgements. What was made in
    an Alertmanager is looked at there.
    """
    found = []
    for silence in (s for s in silences if s.in_force and not s.origin):
        mine = {service for tenant, service in seen if tenant == silence.tenant} | {OWN}
        until = (
            f"silence {silence.silence_id} (until {rfc3339(to_datetime(silence.ends_ns))}) covers nothing: "
        )
        if not any(silence.fits_service(service) for service in mine):
            found.append(
                f"{until}no service of tenant {silence.tenant} is named {silence.service!r}"
                f"{_near(silence.service, mine)}; remedy: lightship incidents lift {silence.silence_id}"
            )
        elif silence.service != OWN and not _is_score(silence, scores):
            found.append(
                f"{until}no score is named {silence.score!r}{_near(silence.score, scores)}; "
                f"remedy: lightship incidents lift {silence.silence_id}"
            )
    return found


def _is_score(silence: Silence, scores: Collection[str]) -> bool:
    return is_judgement(silence.score) or any(silence.fits_score(score) for score in scores)


def _named(settings: Settings) -> Iterator[tuple[str, str]]:
    """Where services are named, and how."""
    for f in fields(Settings):
        if f.name in _TABLES:
            for i, table in enumerate(getattr(settings, f.name)):
                yield from ((f"{f.name}[{i}]", name) for name in table.services)
    yield from (("[service]", name) for name in settings.service)


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f": did you mean {near[0]!r}?" if near else ""
