"""Incidents as JSON: what goes to Kafka and the store, and what a restart reads.

It names the facts of its spokesman at the top (score, slice, onset, effect ...), for
readers that show them, and holds all its findings, from which a restart builds it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from alerts.errors import Defect
from alerts.incidents.identity import Place
from alerts.incidents.incident import OVER, RESOLVED, STATES, About, Hits, Incident, LevelCall, Note, Undoable
from detectors.finding import Finding, Suspect, rfc3339, suspect_to_dict
from infra.clock import to_datetime

VERSION = 1
"""Version of an incident's JSON; readers take this and the one before."""

_FACTS = (
    "alert_kind",
    "unit",
    "score",
    "direction",
    "effect",
    "effect_low",
    "effect_high",
    "effect_unit",
    "baseline_value",
    "current_value",
    "n",
    "n_baseline",
    "n_users",
    "n_conversations",
    "largest_share",
    "inputs_changed",
    "threshold",
    "detector",
)
_TIMES = ("opened", "fired", "resolved", "acknowledged", "held")
_LATER: dict[str, Any] = {"held_by": None, "silence": None, "ended_by": None, "ended_reason": None}
"""Fields that came after the first release, with what they are where they are missing."""
_PLAIN = (
    "incident_id",
    "fingerprint",
    "state",
    "evidence",
    "severity",
    "ending",
    "reopened",
    "acknowledged_by",
    "seq",
    "revision",
    "beyond",
)
_NS = ("opened_ns", "since_ns", "clock_ns", "fired_ns", "resolved_ns", "acknowledged_ns")
_LATER_NS = ("held_ns", "heard_ns", "reminded_ns", "asked_ns")
"""Times that came later."""


def incident_to_dict(incident: Incident) -> dict[str, Any]:
    """JSON-ready form of an incident."""
    speaker, onset = incident.spokesman, incident.onset
    out: dict[str, Any] = {"v": VERSION, **{name: getattr(incident, name) for name in (*_PLAIN, *_LATER)}}
    out |= {**asdict(incident.place)}
    out |= {name: getattr(speaker, name) for name in _FACTS}
    out |= {
        "log_evidence": speaker.evidence,
        "slice": incident.slice,
        "onset": rfc3339(to_datetime(incident.onset_ns)),
        "onset_low": rfc3339(to_datetime(onset.low_ns)),
        "onset_high": rfc3339(to_datetime(onset.high_ns)),
        "slices": [asdict(s) for s in (speaker.slices or incident.primary_finding.slices)],
        "cleared": list(incident.primary_finding.cleared),
        "suspects": [suspect_to_dict(s) for s in incident.suspects],
        "finding_ids": [f.finding_id for f in incident.findings],
        "hits": incident.hits.count,
    }
    for name in _TIMES:
        at_ns = getattr(incident, f"{name}_ns")
        out[f"{name}_at"] = None if at_ns is None else rfc3339(to_datetime(at_ns))
    out["exact"] = {
        **{name: getattr(incident, name) for name in (*_NS, *_LATER_NS)},
        "heard": incident.heard,
        "first_about": None if incident.first_about is None else asdict(incident.first_about),
        "asked_seq": incident.asked_seq,
        "escalated": [asdict(call) for call in incident.escalated],
        "hits": asdict(incident.hits),
        "seen": list(incident.seen),
        "told": list(incident.told),
        "undo": None if incident.undo is None else asdict(incident.undo),
        "recorded": [[s.kind, s.value, rfc3339(s.since)] for s in incident.recorded],
    }
    out["notes"] = [{"at": rfc3339(to_datetime(n.at_ns)), **asdict(n)} for n in incident.notes]
    out["findings"] = [f.to_dict() for f in incident.findings]
    return out


def incident_to_json(incident: Incident) -> str:
    """One line of JSON; equal incidents give equal text."""
    return json.dumps(incident_to_dict(incident), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def incident_from_json(text: str) -> Incident:
    """Inverse of `incident_to_json`.

    Raises
    ------
    Defect
        If it is not an incident of a readable version: it is our own writing.
    """
    try:
        return _incident(json.loads(text))
    except (ValueError, TypeError, KeyError) as error:
        raise Defect(f"a stored incident cannot be read: {str(error)[:200]}") from error


def _incident(data: Mapping[str, Any]) -> Incident:
    if data["v"] != VERSION:
        raise ValueError(f"incident version {data['v']!r} is not readable, expected {VERSION}")
    if data["state"] not in STATES:
        raise ValueError(f"state {data['state']!r} is none of {', '.join(STATES)}")
    exact = data["exact"]
    return Incident(
        **{name: data[name] for name in _PLAIN},
        **{name: data.get(name, default) for name, default in _LATER.items()},
        **{name: exact[name] for name in _NS},
        **{name: exact.get(name) for name in _LATER_NS},
        heard=exact["heard"] if "heard" in exact else _heard(data),
        place=Place(data["tenant"], data["lineage"], data["environment"], data["service"]),
        first_about=About(**exact["first_about"]) if exact.get("first_about") else None,
        asked_seq=exact.get("asked_seq", 0),
        escalated=tuple(LevelCall(**call) for call in exact.get("escalated", ())),
        hits=Hits(**exact["hits"]),
        seen=tuple(exact["seen"]),
        told=tuple(exact["told"]),
        undo=Undoable(**exact["undo"]) if exact.get("undo") else None,
        recorded=tuple(
            Suspect(kind, value, datetime.fromisoformat(since))
            for kind, value, since in exact.get("recorded", ())
        ),
        notes=tuple(Note(n["at_ns"], n["actor"], n["text"]) for n in data["notes"]),
        findings=tuple(Finding.from_dict(f) for f in data["findings"]),
    )


def _heard(data: Mapping[str, Any]) -> str:
    """What was told of an incident written before that was kept: there were no silences then."""
    if data["exact"]["fired_ns"] is None:
        return ""
    return OVER if data["state"] == RESOLVED else str(data["severity"])
