"""How the incidents stand that a receiver was told of, for channels that follow them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.briefs.brief import Links, brief_of
from alerts.incidents.incident import FIRING, RECOVERING, RESOLVED, Incident
from alerts.notify.protocol import Delivery
from alerts.repository.incidents import dedup_key
from infra.clock import NS_PER_S

RESOLVED_FOR_S = 900.0
"""How long an end is repeated. Alertmanager's clients are asked for five minutes (its docs/alerts_api.md) and
Prometheus does so for fifteen; time of the lineage runs some minutes behind."""


class IncidentStatus:
    """Makes what followers say; of an incident that has not changed it is the same object again."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._made: dict[tuple[str, str], tuple[int, Delivery]] = {}

    def to(self, receiver: str, incidents: Iterable[Incident], now_ns: int) -> list[Delivery]:
        """What stands of what the receiver was told of: open incidents, and ends of the last minutes."""
        told = (i for i in incidents if receiver in i.told and _stands(i, now_ns))
        out = [self._delivery(incident, receiver) for incident in told]
        kept = {(d.incident_id, receiver) for d in out}
        self._made = {k: v for k, v in self._made.items() if k[1] != receiver or k in kept}
        return out

    def _delivery(self, incident: Incident, receiver: str) -> Delivery:
        key = (incident.incident_id, receiver)
        revision, made = self._made.get(key, (-1, None))
        if made is None or revision != incident.revision:
            kind = "resolved" if incident.state == RESOLVED else "opened"
            made = Delivery(
                dedup_key=dedup_key(incident.incident_id, incident.seq),
                tenant=incident.place.tenant,
                incident_id=incident.incident_id,
                seq=incident.seq,
                receiver=receiver,
                kind=kind,
                brief=brief_of(incident, kind=kind, links=self._links),
                place=incident.place,
                first_about=incident.first_about,
            )
            self._made[key] = (incident.revision, made)
        return made


def _stands(incident: Incident, now_ns: int) -> bool:
    if incident.state == RESOLVED:
        return now_ns - incident.since_ns <= RESOLVED_FOR_S * NS_PER_S
    return incident.state in (FIRING, RECOVERING)
