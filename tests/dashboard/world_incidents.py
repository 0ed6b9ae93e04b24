"""Invented incidents, made by the alerts room's own book and stored by its own log."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from alerts.briefs.brief import brief_of
from alerts.incidents.events import End, Event
from alerts.incidents.timing import Timing
from alerts.notify.pipeline import Attempt
from alerts.notify.protocol import Delivery
from alerts.repository.incidents import IncidentRepository, dedup_key
from alerts.state.incident_state import Change, IncidentState
from detectors.finding import Finding, SliceEffect, Suspect
from infra.clock import to_ns

RECEIVER = "on-call primary"


def finding(now: datetime, **changes: Any) -> Finding:
    """The finding about support-bot's refusals; ``changes`` replaces facts."""
    onset = now.replace(second=0) - timedelta(minutes=67)
    facts: dict[str, Any] = {
        "finding_id": "a1b2c3d4e5f60718",
        "alert_kind": "drift",
        "status": "confirmed",
        "tenant": "default",
        "lineage": "live",
        "environment": "production",
        "service": "support-bot",
        "unit": "interaction",
        "score": "refusal",
        "slice": "all",
        "series": "00000000000000aa",
        "made_at": now.replace(second=0) - timedelta(minutes=55),
        "severity": "page",
        "onset": onset,
        "onset_low": onset - timedelta(minutes=4),
        "onset_high": onset + timedelta(minutes=4),
        "effect": 0.043,
        "effect_low": 0.031,
        "effect_high": 0.055,
        "effect_unit": "rate",
        "direction": "rise",
        "baseline_value": 0.021,
        "current_value": 0.064,
        "n": 2214,
        "n_baseline": 348_768,
        "n_users": 902,
        "n_conversations": 1180,
        "largest_share": 0.02,
        "inputs_changed": False,
        "evidence": 18.4,
        "threshold": 12.2,
        "slices": (
            SliceEffect("language=de", 0.71, 0.144),
            SliceEffect("prompt_version=v18", 0.66, 0.067),
        ),
        "cleared": ("language=en", "language=fr"),
        "suspects": (
            Suspect("prompt_version", "v18", onset - timedelta(minutes=2)),
            Suspect("release", "7.4.1", onset - timedelta(minutes=77)),
        ),
        "detector": "shiryaev_roberts.2",
        "config_hash": "9c41f0e29c41f0e2",
        "baseline_version": "v12",
        "log_to": 121_833,
    }
    return Finding(**(facts | changes))


def slow(now: datetime, **changes: Any) -> Finding:
    """The finding about claims-triage's latency: a median in seconds, a ticket, in one model."""
    start = now.replace(second=0) - timedelta(minutes=156)
    facts: dict[str, Any] = {
        "finding_id": "b2c3d4e5f6071829",
        "service": "claims-triage",
        "score": "latency_s",
        "slice": "response_model=aurora-2",
        "severity": "ticket",
        "onset": start,
        "onset_low": start - timedelta(minutes=10),
        "onset_high": start + timedelta(minutes=10),
        "effect": 0.88,
        "effect_low": 0.76,
        "effect_high": 1.01,
        "effect_unit": "s",
        "baseline_value": 2.1,
        "current_value": 2.98,
        "n": 3_390,
        "n_baseline": 220_080,
        "slices": (SliceEffect("response_model=aurora-2", 0.94, 0.88),),
        "cleared": ("language=en", "language=de"),
        "suspects": (),
        "n_users": None,
        "n_conversations": None,
        "largest_share": None,
        "inputs_changed": True,
        "made_at": start + timedelta(minutes=36),
    }
    return finding(now, **(facts | changes))


def japanese(now: datetime, **changes: Any) -> Finding:
    """The finding that code-helper is asked in other languages than before."""
    start = now.replace(second=0) - timedelta(minutes=40)
    facts: dict[str, Any] = {
        "finding_id": "e5f60718293a4b5c",
        "service": "code-helper",
        "score": "language",
        "severity": "ticket",
        "onset": start,
        "onset_low": start,
        "onset_high": start + timedelta(minutes=5),
        "effect": 0.18,
        "effect_low": 0.15,
        "effect_high": 0.21,
        "baseline_value": 0.02,
        "current_value": 0.20,
        "slices": (),
        "cleared": (),
        "suspects": (),
        "notes": ("share of ja",),
        "made_at": start + timedelta(minutes=20),
    }
    return finding(now, **(facts | changes))


def silent(now: datetime, **changes: Any) -> Finding:
    """The finding that invoice-reader sends nothing."""
    start = now.replace(second=0) - timedelta(minutes=85)
    facts: dict[str, Any] = dict.fromkeys(
        ("effect", "effect_low", "effect_high", "effect_unit", "n_baseline", "inputs_changed"), None
    ) | {
        "finding_id": "c3d4e5f60718293a",
        "alert_kind": "silence",
        "service": "invoice-reader",
        "score": "volume",
        "onset": start,
        "onset_low": start,
        "onset_high": start,
        "baseline_value": 410.0,
        "current_value": 0.0,
        "n": 0,
        "n_users": None,
        "n_conversations": None,
        "largest_share": None,
        "evidence": None,
        "threshold": None,
        "detector": "silence.1",
        "slices": (),
        "cleared": (),
        "suspects": (),
        "made_at": start + timedelta(minutes=15),
    }
    return finding(now, **(facts | changes))


def story(now: datetime, tenant: str, lineage: str) -> list[tuple[str, Finding]]:
    """Name and finding of every incident of the invented fleet, the oldest first."""
    owner = {"tenant": tenant, "lineage": lineage}
    old = now - timedelta(days=9)
    return [
        ("old", replace(finding(old, **owner), finding_id="d4e5f60718293a4b")),
        ("latency", slow(now, **owner)),
        ("silence", silent(now, **owner)),
        ("refusal", finding(now, **owner)),
    ]


class Desk:
    """Takes findings and what people do, and stores what comes of it."""

    def __init__(self, client: Client) -> None:
        self.log = IncidentRepository(lambda: client)
        self.book = IncidentState(Timing(), route=lambda _: (RECEIVER,))

    def take(self, found: Finding) -> str:
        """The id of the incident a finding opened or joined."""
        changes = self.book.apply(found)
        self.log.store(changes, brief_of)
        self._told(changes)
        return changes[-1].incident.incident_id

    def act(self, incident_id: str, event: Event, at: datetime) -> None:
        """What a person does."""
        change = self.book.act(incident_id, event, to_ns(at))
        if change is None:
            raise LookupError(incident_id)
        self.log.store([change], brief_of)

    def _told(self, changes: list[Change]) -> None:
        for change in changes:
            for row in change.rows:
                for receiver in row.receivers if row.notify else ():
                    place = change.incident.place
                    self.log.record_attempt(
                        Attempt(
                            delivery=Delivery(
                                tenant=place.tenant,
                                incident_id=change.incident.incident_id,
                                seq=row.seq,
                                receiver=receiver,
                                dedup_key=dedup_key(change.incident.incident_id, row.seq),
                                kind=row.notify,
                                brief=brief_of(change.incident, kind=row.notify),
                                place=place,
                            ),
                            number=1,
                            outcome="sent",
                            code=202,
                            reason="",
                            at_ns=row.at_ns + 1_400_000_000,
                        )
                    )


def fill(client: Client, now: datetime, tenant: str, lineage: str) -> dict[str, str]:
    """Write every incident; ids by name."""
    desk = Desk(client)
    ids = {}
    for name, found in story(now, tenant, lineage):
        ids[name] = desk.take(found)
        if name == "old":
            over = End("false_alarm", actor="Ada", reason="a load test, not users")
            desk.act(ids[name], over, found.made_at + timedelta(hours=4))
    return ids
