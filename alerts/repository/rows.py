"""Rows of the three tables, by column; the schema is infra/migrations/0003_incidents.sql. Pure."""

from __future__ import annotations

from typing import Any

from alerts.briefs import runbook
from alerts.briefs.brief import Brief
from alerts.briefs.headline import headline
from alerts.briefs.render import render_json, to_bytes
from alerts.incidents.codec import incident_to_json
from alerts.incidents.incident import Incident, Transition
from alerts.notify.pipeline import Attempt

MAX_REOPENED, MAX_HITS = 2**16 - 1, 2**32 - 1
"""What the columns hold; the body of the incident has the numbers themselves."""


def _us(at_ns: int | None) -> int | None:
    return None if at_ns is None else at_ns // 1000


def _common(i: Incident) -> dict[str, Any]:
    """Columns both tables have."""
    return {
        "tenant": i.place.tenant,
        "lineage": i.place.lineage,
        "service": i.place.service,
        "environment": i.place.environment or "",
        "incident_id": i.incident_id,
        "state": i.state,
        "evidence": i.evidence,
        "ending": i.ending,
        "severity": i.severity,
        "acknowledged_by": i.acknowledged_by,
        "headline": headline(i),
        "body": incident_to_json(i),
        "seq": i.seq,
        "revision": i.revision,
    }


def transition_row(row: Transition) -> dict[str, Any]:
    """A row of ``incident_transitions``."""
    return {
        **_common(row.incident),
        "seq": row.seq,
        "at": row.at_ns // 1000,
        "fingerprint": row.incident.fingerprint,
        "what": row.what,
        "actor": row.actor,
        "reason": row.reason,
        "finding_id": row.finding_id,
        "notify": row.notify,
        "receivers": list(row.receivers),
    }


def state_row(incident: Incident, brief: Brief) -> dict[str, Any]:
    """A row of ``incidents``; examples stay out of it, texts have a shorter life than incidents."""
    i, lead, onset = incident, incident.primary_finding, incident.onset
    return {
        **_common(i),
        "alert_kind": lead.alert_kind,
        "unit": lead.unit,
        "score": lead.score,
        "slice": i.slice,
        "onset": i.onset_ns // 1000,
        "onset_low": onset.low_ns // 1000,
        "onset_high": onset.high_ns // 1000,
        "opened_at": i.opened_ns // 1000,
        "fired_at": _us(i.fired_ns),
        "resolved_at": _us(i.resolved_ns),
        "acknowledged_at": _us(i.acknowledged_ns),
        "reopened": min(i.reopened, MAX_REOPENED),
        "hits": min(i.hits.count, MAX_HITS),
        "finding_ids": [f.finding_id for f in i.findings],
        "detectors": sorted({f.detector for f in i.findings if f.detector}),
        "runbook": runbook.name_of(i.spokesman),
        "brief": to_bytes({**render_json(brief), "examples": []}).decode(),
        "updated_at": max(i.clock_ns, i.since_ns) // 1000,
    }


def attempt_row(attempt: Attempt) -> dict[str, Any]:
    """A row of ``notifications``."""
    d = attempt.delivery
    return {
        "tenant": d.tenant,
        "incident_id": d.incident_id,
        "receiver": d.receiver,
        "dedup_key": d.dedup_key,
        "kind": d.kind,
        "attempt": attempt.number,
        "outcome": attempt.outcome,
        "response_code": attempt.code,
        "reason": attempt.reason,
        "at": attempt.at_ns // 1000,
        "reference": attempt.reference,
    }
