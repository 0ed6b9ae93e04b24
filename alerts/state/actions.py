"""What people may do to an incident, and the entry of the topic ``actions`` that says who did it. Pure."""

from __future__ import annotations

from typing import Any

from alerts.errors import NotPossible
from alerts.incidents.events import Acknowledge, End, Event, Hold, Release, Reopen, Undo, Write
from alerts.incidents.incident import ACCEPTED, FALSE_ALARM, FIXED, Incident
from alerts.silences.silence import Silence
from detectors.finding import rfc3339
from infra.clock import to_datetime

VERSION = 1
DECISIONS = ("false-alarm", "accept")
"""What ends an incident by a person's word, and is asked of detection."""
RESOLVE, REOPEN, UNDO, TAKE_OVER = "resolve", "reopen", "undo", "take-over"
ACTIONS = (
    "acknowledge", TAKE_OVER, *DECISIONS, RESOLVE, REOPEN, UNDO, "note", "hold", "release",
)  # fmt: skip
REASONED = (*DECISIONS, RESOLVE, REOPEN, "note", "hold")
"""Actions that are refused without a reason."""

_ENDINGS = {"false-alarm": FALSE_ALARM, "accept": ACCEPTED, RESOLVE: FIXED}


def event_of(action: str, actor: str, reason: str) -> Event:
    """What an action does to an incident.

    Raises
    ------
    NotPossible
        If there is no such action.
    """
    if action in _ENDINGS:
        return End(_ENDINGS[action], actor, reason)
    if action == "acknowledge":
        return Acknowledge(actor, reason)
    if action == TAKE_OVER:
        return Acknowledge(actor, reason, over=True)
    if action == REOPEN:
        return Reopen(actor, reason)
    if action == UNDO:
        return Undo(actor, reason)
    if action == "note":
        return Write(actor, reason)
    if action == "hold":
        return Hold(actor, reason)
    if action == "release":
        return Release(actor, reason)
    raise NotPossible(f"{action!r} is none of {', '.join(ACTIONS)}")


def entry_of(
    incident: Incident, action: str, actor: str, reason: str, now_ns: int, role: str = ""
) -> dict[str, Any]:
    """The audit of an action on an incident, which is as it stands after it; ``role`` is the actor's."""
    place = incident.place
    return {
        "v": VERSION,
        "at": rfc3339(to_datetime(now_ns)),
        "action": action,
        "incident_id": incident.incident_id,
        "tenant": place.tenant,
        "lineage": place.lineage,
        "environment": place.environment,
        "service": place.service,
        "actor": actor,
        "role": role or None,
        "reason": reason,
        "state": incident.state,
        "ending": incident.ending,
        "seq": incident.seq,
    }


def silence_entry(silence: Silence, now_ns: int) -> dict[str, Any]:
    """The audit of a silence that was made or has ended, by whom and why."""
    told = {
        "action": "silence" if silence.in_force else "silence_ended",
        "actor": silence.actor if silence.in_force else silence.ended_by,
        "reason": silence.reason if silence.in_force else silence.ended_reason,
    }
    return {"v": VERSION, "at": rfc3339(to_datetime(now_ns)), **told, "silence": silence.to_dict()} | {
        "silence_id": silence.silence_id,
        "tenant": silence.tenant,
    }
