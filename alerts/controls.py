"""What a person's decision asks of detection: control records for the observation log. Pure."""

from __future__ import annotations

from alerts.incident import Incident
from alerts.lead import is_active
from detectors.observation import Control, ServiceKey
from infra.clock import NS_PER_S, to_ns

ACCEPTED = "accepted"
"""Ending of an incident whose change a person took for the new level."""


def accepting(incident: Incident, actor: str, reason: str, tick_s: int) -> list[Control]:
    """Records that make each change of an incident that goes on the level of its series, from its onset.

    Equal arguments give equal records. A record for a finding that has ended meanwhile changes nothing, so
    all may be sent again.
    """
    return [
        Control(
            ServiceKey(f.tenant, f.lineage, f.environment or "", f.service),
            "accept",
            to_ns(f.onset) // (tick_s * NS_PER_S),
            {
                "unit": f.unit,
                "score": f.score,
                "slice": f.slice,
                "finding_id": f.finding_id,
                "actor": actor,
                "reason": reason,
            },
        )
        for f in incident.findings
        if f.alert_kind == "drift" and is_active(f) and f.onset is not None
    ]
