"""What people may do to an incident as it stands, and what undoing it restores. Pure."""

from __future__ import annotations

from typing import Any

from alerts.errors import NotPossible
from alerts.incidents.events import Acknowledge
from alerts.incidents.incident import RECOVERING, RESOLVED, Incident, Undoable
from alerts.incidents.timing import Timing
from detectors.finding import rfc3339
from infra.clock import NS_PER_S, to_datetime

_RESTORED = (
    "state",
    "ending",
    "ended_by",
    "ended_reason",
    "resolved_ns",
    "acknowledged_by",
    "acknowledged_ns",
    "reopened",
)


def check_acknowledge(incident: Incident, event: Acknowledge) -> None:
    """Check that a person may take an incident.

    Raises
    ------
    NotPossible
        If it is over, or somebody else has it and the person does not say that they take it over.
    """
    i = incident
    if not i.is_open:
        raise NotPossible(f"incident {i.incident_id} is {i.state}: only an open one can be acknowledged")
    if i.acknowledged_by not in (None, event.actor) and not event.over:
        since = "" if i.acknowledged_ns is None else f" since {seconds_of(i.acknowledged_ns)}"
        raise NotPossible(
            f"incident {i.incident_id} is acknowledged by {i.acknowledged_by}{since}: "
            "to take it over, acknowledge with --take-over"
        )


def check_reopen(incident: Incident) -> None:
    """Check that a person may open an incident again.

    Raises
    ------
    NotPossible
        If it is not over, or went into another one.
    """
    if incident.state != RESOLVED:
        raise NotPossible(f"incident {incident.incident_id} is {incident.state}: it is not over")
    if incident.ending == "superseded":
        raise NotPossible(
            f"incident {incident.incident_id} went into one about several services: act on that one"
        )


def undoable(incident: Incident, act: str, actor: str, now_ns: int) -> Undoable:
    """What undoes an act on an incident, which is as it stands before it."""
    fields = {name: getattr(incident, name) for name in _RESTORED}
    return Undoable(act=act, at_ns=now_ns, actor=actor, since_ns=incident.since_ns, **fields)


def undone(incident: Incident, now_ns: int, timing: Timing) -> tuple[dict[str, Any], str]:
    """The fields that undo the last act, and why people are told; what waits to recover waits anew.

    Raises
    ------
    NotPossible
        If there is nothing to undo, or no longer, or another command does it.
    """
    last = incident.undo
    _check_hold(incident)
    if last is None:
        raise NotPossible(
            f"incident {incident.incident_id} has no act that can be undone: nobody acted, or it went "
            "on since"
        )
    if now_ns - last.at_ns > timing.undo_ns:
        raise NotPossible(
            f"{last.act} by {last.actor} was at {seconds_of(last.at_ns)}: what is older than "
            f"{timing.undo_s / 60:g} min cannot be undone; to open it again: `lightship incidents reopen`"
        )
    changes: dict[str, Any] = {name: getattr(last, name) for name in _RESTORED}
    changes["since_ns"] = incident.clock_ns if last.state == RECOVERING else last.since_ns
    was_over, is_over = incident.state == RESOLVED, last.state == RESOLVED
    told_open = last.state not in (RESOLVED, "pending", "ok")
    notify = ""
    if is_over and not was_over:
        notify = "resolved"
    elif was_over and told_open:
        notify = "reopened" if incident.heard else "opened"
    return changes, notify


def undone_action(incident: Incident, reason: str) -> str:
    """What history says of undoing the last act: which one it was, and why."""
    last = incident.undo
    if last is None:
        return reason
    ending = f" as {incident.ending.replace('_', ' ')}" if incident.ending and last.act == "resolved" else ""
    act = f"{last.act}{ending} by {last.actor} was taken back"
    return f"{act}: {reason}" if reason else act


def _check_hold(incident: Incident) -> None:
    """Check that the last thing a person did was not to hold it, which releasing it takes back."""
    before_ns = 0 if incident.undo is None else incident.undo.at_ns
    if incident.held_by is not None and (incident.held_ns or 0) >= before_ns:
        raise NotPossible(
            f"incident {incident.incident_id} was held last, by {incident.held_by} at "
            f"{seconds_of(incident.held_ns or 0)}: `lightship incidents release` takes that back"
        )


def seconds_of(at_ns: int) -> str:
    """A time to the second, as people read it."""
    return rfc3339(to_datetime(at_ns // NS_PER_S * NS_PER_S))
