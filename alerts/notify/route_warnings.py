"""What is odd about routes that can be read: one that never matches, a receiver that no route names. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from infra.settings import RouteSettings, Settings

INCIDENT_SEVERITIES = ("page", "ticket")
"""Severities that incidents have: a finding of severity ``info`` starts none."""
_GLOBS = ("services", "lineages", "environments", "tenants", "scores", "alert_kinds")
"""Matchers of a route, but for its severities."""


def route_warnings(settings: Settings) -> list[str]:
    """Sentences about routes that can never match and receivers that are told of nothing, with the remedy."""
    found = []
    for i, route in enumerate(settings.route):
        severities = _severities(route)
        if not severities:
            found.append(
                f"route[{i}] to {_names(route)} can never match: incidents are pages or tickets, none is "
                f'{route.severities[0]}; remedy: name "page" or "ticket" in its severities'
            )
            continue
        hiding = [_hiding(settings.route[:i], route, severity) for severity in severities]
        if all(k is not None for k in hiding):
            earlier = sorted({k for k in hiding if k is not None})
            first = " and ".join(f"route[{k}] to {_names(settings.route[k])}" for k in earlier)
            takes = "takes" if len(earlier) == 1 else "take"
            found.append(
                f"route[{i}] to {_names(route)} can never match: {first} before it {takes} all it would; "
                f"remedy: set continue = true there, or put its receivers into one list (receivers = "
                f"[...]), or move the narrower route up"
            )
    named = {name for route in settings.route for name in route.receiver_names}
    named |= {name for policy in settings.escalation for level in policy.level for name in level.receivers}
    named |= {name for rule in settings.rule for name in rule.receivers}
    left_out = [r.name for r in settings.receiver if r.name not in named and r.digest == "never"]
    found += [
        f"receiver {name!r} is told of nothing: no route names it; remedy: add it to the receivers of a "
        f"route or of a rule, or remove it"
        for name in (left_out if settings.route else ())
    ]
    used = {route.escalation for route in settings.route}
    found += [
        f"escalation {policy.name!r} is never followed: no route names it; remedy: "
        f"escalation = {policy.name!r} in a route, or remove it"
        for policy in settings.escalation
        if policy.name not in used
    ]
    return found


def _names(route: RouteSettings) -> str:
    return ", ".join(route.receiver_names)


def _severities(route: RouteSettings) -> tuple[str, ...]:
    """The severities of incidents that a route takes."""
    return tuple(s for s in INCIDENT_SEVERITIES if not route.severities or s in route.severities)


def _hiding(earlier: Sequence[RouteSettings], route: RouteSettings, severity: str) -> int | None:
    """Index of the earlier route that takes all a later one would of a severity; ``None`` if none does."""
    for k, other in enumerate(earlier):
        takes = not other.continue_ and severity in _severities(other)
        if takes and all(_covers(getattr(other, name), getattr(route, name)) for name in _GLOBS):
            return k
    return None


def _covers(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    """Whether every name that fits the narrow patterns surely fits the wide ones; no patterns fit all."""
    if not wide or "*" in wide:
        return True
    return bool(narrow) and all(any(_covers_one(w, n) for w in wide) for n in narrow)


def _covers_one(wide: str, narrow: str) -> bool:
    if wide == narrow:
        return True
    if any(c in narrow for c in "*?["):  # a pattern within a pattern: only where it begins is compared
        begins = wide[:-1]
        return wide.endswith("*") and not any(c in begins for c in "*?[") and narrow.startswith(begins)
    return fnmatchcase(narrow, wide)
