"""One cause in several services: the fleet's incident takes what is found in each of them. Pure.

A finding of one service is part of a finding about several when it is about the same score or the service is
known to be hit, the service is not known to be spared, and both began at the same time. Policy hits and the
pipeline's findings never are: they must page by themselves. A rule on all services together takes in none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from alerts.incidents.identity import PIPELINE, POLICY, RULE, Place, onset_interval
from alerts.incidents.incident import Incident
from alerts.incidents.primary_finding import supports
from alerts.incidents.timing import Timing
from detectors.finding import SEVERAL, Finding


def fleet_of(place: Place) -> Place:
    """Where incidents about several services of ``place`` are kept."""
    return replace(place, service=SEVERAL)


def fleet_incident(finding: Finding, incidents: Iterable[Incident], timing: Timing) -> Incident | None:
    """The newest open incident about several services that a finding of one is part of."""
    if finding.service == SEVERAL:
        return None
    found = [i for i in incidents if i.is_open and any(_part_of(finding, f, timing) for f in i.findings)]
    return max(found, key=lambda i: (i.opened_ns, i.incident_id), default=None)


def explained(finding: Finding, incidents: Iterable[Incident], timing: Timing) -> list[Incident]:
    """Open incidents of single services whose lead is part of a finding about several.

    What a person has taken stays his.
    """
    if finding.service != SEVERAL or not supports(finding):
        return []
    return [
        i
        for i in incidents
        if i.is_open
        and i.acknowledged_by is None
        and i.held_by is None
        and not i.hits.count
        and i.place.service != SEVERAL
        and fleet_of(i.place) == Place(finding.tenant, finding.lineage, finding.environment or None, SEVERAL)
        and _part_of(i.primary_finding, finding, timing)
    ]


def services_of(incident: Incident) -> tuple[str, ...]:
    """The service an incident is about; of one about several, those that are hit or found it themselves."""
    if incident.place.service != SEVERAL:
        return (incident.place.service,)
    hit = dict.fromkeys(s for f in incident.findings if supports(f) for s in f.services_hit)
    own = dict.fromkeys(f.service for f in incident.findings if f.service != SEVERAL)
    return (*hit, *(s for s in own if s not in hit)) or (SEVERAL,)


def _part_of(one: Finding, several: Finding, timing: Timing) -> bool:
    if several.service != SEVERAL or not supports(several) or one.alert_kind in (POLICY, PIPELINE):
        return False
    if several.alert_kind == RULE:
        return False  # a limit on a sum is no cause of what a service does
    if one.service in several.services_spared:
        return False
    same_score = (one.unit, one.score) == (several.unit, several.score)
    if not (same_score or one.service in several.services_hit):
        return False
    return onset_interval(several).overlaps(onset_interval(one), timing.slack_ns)
