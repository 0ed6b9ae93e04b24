"""What a situation is: findings as detection makes them, and the message about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alerts.briefs.brief import Example, Links, Trust, brief_of
from alerts.briefs.tally import Tally
from alerts.incidents.events import End
from alerts.incidents.incident import Incident
from alerts.notify.protocol import Delivery
from alerts.state.incident_state import IncidentState
from detectors.finding import ALL, Finding, SliceEffect
from infra.clock import to_ns
from tests.alerts.invented import TIMING, at, refusals

LINKS = Links("http://127.0.0.1:8501", "http://127.0.0.1:4320", "0.1.0")
ALL_COMPARED = ("prompt_version", "release", "request_model", "response_model", "system_prompt")
TRUST = Trust(false_alarms=1, incidents=11, lag_s=3.2)
NO_EFFECT: Mapping[str, Any] = dict.fromkeys(
    ("effect", "effect_low", "effect_high", "effect_unit", "baseline_value", "current_value", "n_baseline")
)


@dataclass(frozen=True)
class Situation:
    """What is told: findings, then what was counted lately, what is known of the hits, and examples."""

    findings: tuple[Finding, ...]
    kind: str = "opened"
    tally: Tally | None = None
    particulars: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    trust: Trust = TRUST
    end: str = ""

    def incident(self) -> Incident:
        """The incident as it stands."""
        book = IncidentState(TIMING)
        for finding in self.findings:
            book.apply(finding)
        if self.end:
            incident = book.all()[0]
            book.act(incident.incident_id, End(self.end, "ana", "rolled back"), to_ns(at("05:00")))
        return book.all()[0]

    def delivery(self) -> Delivery:
        """The message about it."""
        incident = self.incident()
        brief = brief_of(
            incident,
            kind=self.kind,
            links=LINKS,
            trust=self.trust,
            examples=self.examples,
            tally=self.tally,
            particulars=self.particulars,
        )
        return Delivery(
            dedup_key=f"{incident.incident_id}-2",
            tenant=incident.place.tenant,
            incident_id=incident.incident_id,
            seq=2,
            receiver="hook",
            kind=self.kind,
            brief=brief,
            place=incident.place,
            first_about=incident.first_about,
        )


def change(finding_id: str, score: str, effect_unit: str, before: float, now: float, **more: Any) -> Finding:
    """A change over all traffic from 04:05, found at 04:20."""
    half = abs(now - before) / 8
    given = {
        "score": score,
        "slice": ALL,
        "slices": (SliceEffect(ALL, 1.0, now - before),),
        "effect": now - before,
        "effect_low": now - before - half,
        "effect_high": now - before + half,
        "effect_unit": effect_unit,
        "baseline_value": before,
        "current_value": now,
        "direction": "rise" if now > before else "fall",
        "inputs_changed": False,
        "inputs_moved": 0.02,
        "inputs_moved_high": 0.11,
        "compared": ALL_COMPARED,
        "detector": "shiryaev_roberts.2",
        "notes": ("ADWIN on residuals agrees",),
        **more,
    }
    return refusals(finding_id, **given)
