"""What a person's decision asks of detection: control records for the observation log. Pure."""

from __future__ import annotations

from alerts.incidents.identity import RULE
from alerts.incidents.incident import ACCEPTED, FALSE_ALARM, Incident
from alerts.incidents.primary_finding import is_active
from detectors.finding import SEVERAL, Finding
from detectors.observation import Control, ServiceKey
from detectors.series.trust_penalty import DOUBT
from infra.clock import NS_PER_S, to_ns


def deciding(incident: Incident, actor: str, reason: str, tick_s: int) -> list[Control]:
    """What the ending of an incident asks of detection: nothing, unless a person accepted or denied it."""
    if incident.ending == ACCEPTED:
        return accepting(incident, actor, reason, tick_s)
    return doubting(incident, actor, reason) if incident.ending == FALSE_ALARM else []


def doubting(incident: Incident, actor: str, reason: str) -> list[Control]:
    """Records that have each series spend less that said something of an incident that was nothing.

    Detection counts a finding once, so all may be sent again. What several services share, limits and rules
    have no share to lessen.
    """
    return [
        _about(f, DOUBT, 0, actor, reason)
        for f in incident.findings
        if f.alert_kind == "drift" and f.service != SEVERAL
    ]


def accepting(incident: Incident, actor: str, reason: str, tick_s: int) -> list[Control]:
    """Records that make each change of an incident that goes on the level of its series, from its onset.

    Of a rule they accept how far its measure lies beyond the limit; the limit stays what it is.
    Equal arguments give equal records. A record for a finding that has ended meanwhile changes nothing, so
    all may be sent again.
    """
    return [
        _about(f, "accept", to_ns(f.onset) // (tick_s * NS_PER_S), actor, reason)
        for f in incident.findings
        if f.alert_kind in ("drift", RULE) and is_active(f) and f.onset is not None
    ]


def _about(f: Finding, action: str, tick: int, actor: str, reason: str) -> Control:
    """A record about the series of a finding."""
    body = {"unit": f.unit, "score": f.score, "slice": f.slice, "finding_id": f.finding_id}
    key = ServiceKey(f.tenant, f.lineage, f.environment or "", f.service)
    return Control(key, action, tick, {**body, "actor": actor, "reason": reason})
