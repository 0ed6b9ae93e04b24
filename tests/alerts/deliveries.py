"""Messages about invented incidents."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.briefs.brief import Example, Links, brief_of
from alerts.incidents.incident import Incident
from alerts.notify.protocol import Delivery
from alerts.state.incident_state import IncidentState
from detectors.finding import Finding
from tests.alerts.invented import TIMING, refusals

LINKS = Links("http://127.0.0.1:8501", "http://127.0.0.1:4320", "0.1.0")


def incident_of(*findings: Finding) -> Incident:
    """The incident of findings, by default of refusals."""
    book = IncidentState(TIMING)
    for finding in findings or (refusals(),):
        book.apply(finding)
    return book.all()[0]


def delivery_of(
    incident: Incident, kind: str = "opened", seq: int = 2, examples: Sequence[Example] = ()
) -> Delivery:
    """The message about an incident as it stands."""
    return Delivery(
        dedup_key=f"{incident.incident_id}-{seq}",
        tenant=incident.place.tenant,
        incident_id=incident.incident_id,
        seq=seq,
        receiver="hook",
        kind=kind,
        brief=brief_of(incident, kind=kind, links=LINKS, examples=examples),
        place=incident.place,
        first_about=incident.first_about,
    )


def delivery(
    *findings: Finding, kind: str = "opened", seq: int = 2, examples: Sequence[Example] = ()
) -> Delivery:
    """The message about the incident of findings, by default of refusals."""
    return delivery_of(incident_of(*findings), kind, seq, examples)
