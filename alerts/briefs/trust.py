"""How far to trust a brief: how incidents of the same detector ended lately. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.briefs.brief import Trust
from alerts.incidents.identity import LIVE
from alerts.incidents.incident import Incident
from infra.clock import NS_PER_S

TRUST_DAYS = 90


def trust_of(incident: Incident, known: Iterable[Incident], now_ns: int) -> Trust:
    """How incidents of the lead's detector ended in the last days, this one left out."""
    detector, since_ns = (
        incident.primary_finding.detector,
        incident.opened_ns - TRUST_DAYS * 86_400 * NS_PER_S,
    )
    past = [
        i
        for i in known
        if i.incident_id != incident.incident_id
        and (i.place.tenant, i.place.lineage) == (incident.place.tenant, incident.place.lineage)
        and i.opened_ns >= since_ns
        and i.fired_ns is not None
        and i.primary_finding.detector == detector
    ]
    lag_s = None
    if incident.place.lineage == LIVE and incident.is_open:
        lag_s = max(0.0, (now_ns - incident.clock_ns) / NS_PER_S)
    false = sum(i.ending in ("false_alarm", "withdrawn") for i in past)
    return Trust(false, len(past), TRUST_DAYS, lag_s)
