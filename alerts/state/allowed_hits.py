"""Closed ticks without the hits that are allowed: they do not keep an incident open."""

from __future__ import annotations

from dataclasses import replace

from alerts.allow_rules.rule import AllowRules
from alerts.incidents.identity import place_of
from alerts.incidents.incident import Incident
from alerts.state.ports import Closed, Store


def without_allowed(
    seen: Closed, store: Store, rules: AllowRules, incident: Incident, after_ns: int
) -> Closed:
    """What closed ticks hold from a time on, less the hits that allow rules cover.

    Raises
    ------
    Unavailable
        If the store does not answer.
    """
    if not seen.hits or not rules.all:
        return seen
    place = incident.place
    found = store.policy_findings(place.tenant, place.lineage, after_ns)
    allowed = rules.hits(f for f in found if place_of(f) == place)
    return replace(seen, hits=max(0, seen.hits - allowed))
