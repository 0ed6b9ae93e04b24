"""The life of an incident: a pure state machine whose history is append-only.

::

    ok --breach--> pending --hold elapsed--> firing --ok--> recovering --keep firing elapsed--> resolved
    pending --ok--> ok | recovering --breach--> firing | resolved --breach in reopen window--> firing
    endings: recovered, withdrawn (the detector took it back), accepted, superseded, false_alarm

``no_data`` and ``error`` never mean ok: they start an incident and the hold applies to them, and while they
last nothing recovers. A resolved incident that a person ended is never reopened.

Times are ns since 1970 UTC on the clock of the incident's lineage, which never runs backwards here. A
deadline that has passed takes effect at the deadline, not when it was noticed: a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from alerts.errors import NotPossible
from alerts.identity import fingerprint, incident_id, place_of
from alerts.incident import (
    DETECTOR,
    ENDINGS,
    EVIDENCE,
    FIRING,
    MAX_NOTES,
    OK,
    PENDING,
    RECOVERING,
    REOPENABLE,
    RESOLVED,
    Incident,
    Note,
    Transition,
)
from alerts.timing import Timing
from detectors.finding import SEVERITIES, Finding
from infra.clock import to_ns


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a detector sees now: ``ok``, ``breach``, ``no_data`` or ``error``."""

    status: str
    finding: Finding | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.status not in EVIDENCE:
            raise ValueError(f"evidence {self.status!r} is none of {', '.join(EVIDENCE)}")


@dataclass(frozen=True, slots=True)
class Raise:
    """A graver finding joined: the severity rises in place, it never falls."""

    severity: str
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class End:
    """Someone, or the detector, ends it with an ending other than ``recovered``."""

    ending: str
    actor: str = DETECTOR
    reason: str = ""
    finding: Finding | None = None

    def __post_init__(self) -> None:
        if self.ending not in ENDINGS or self.ending == "recovered":
            raise ValueError(
                f"ending {self.ending!r} cannot be declared, one of {', '.join(ENDINGS[1:])} can"
            )


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """A person takes it."""

    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """A person adds a note."""

    actor: str
    text: str


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Nothing but time has passed."""


Event = Evidence | Raise | End | Acknowledge | Write | Elapsed


def fresh(finding: Finding, timing: Timing, again: int = 0) -> Incident:
    """The incident a finding would start, still in state ``ok``; ``again``: see `incident_id`."""
    at = to_ns(finding.made_at)
    return Incident(
        incident_id=incident_id(finding, timing.tick_s, again),
        fingerprint=fingerprint(finding),
        place=place_of(finding),
        opened_ns=at,
        since_ns=at,
        clock_ns=at,
        severity=finding.severity,
        findings=(finding,),
    )


def step(
    incident: Incident | None, event: Event, now_ns: int, timing: Timing
) -> tuple[Incident | None, tuple[Transition, ...]]:
    """Apply one event at ``now_ns``; give the incident after it and what is to be appended to its history.

    Without an incident only evidence of a breach (or of missing data, or of an error) that carries its
    finding starts one.

    Raises
    ------
    NotPossible
        If a person asks for what the state does not allow.
    """
    if incident is None:
        if not isinstance(event, Evidence) or event.status == "ok" or event.finding is None:
            return None, ()
        incident = fresh(event.finding, timing)
    log = _Log(incident, timing)
    now_ns = max(now_ns, incident.clock_ns)
    log.elapse(now_ns)
    log.incident = replace(log.incident, clock_ns=now_ns)
    if isinstance(event, Evidence):
        log.evidence(event, now_ns)
        log.elapse(now_ns)  # a hold or keep-firing time of zero has already passed
    elif isinstance(event, Raise):
        log.raised(event, now_ns)
    elif isinstance(event, End):
        log.end(event, now_ns)
    elif isinstance(event, Acknowledge):
        log.acknowledge(event, now_ns)
    elif isinstance(event, Write):
        note = Note(now_ns, event.actor, event.text)
        notes = (*log.incident.notes, note)[-MAX_NOTES:]
        log.add(now_ns, "noted", actor=event.actor, reason=event.text, notes=notes)
    return log.incident, tuple(log.rows)


def record(incident: Incident, what: str, reason: str, finding: Finding) -> tuple[Incident, Transition]:
    """Append to the history a change of what is known (``joined``, ``updated``, ``withdrawn``)."""
    log = _Log(incident, Timing())
    log.add(incident.clock_ns, what, reason=reason, finding=finding)
    return log.incident, log.rows[0]


class _Log:
    """An incident being changed, with the rows that say how."""

    def __init__(self, incident: Incident, timing: Timing) -> None:
        self.incident = incident
        self.timing = timing
        self.rows: list[Transition] = []

    def add(
        self,
        at_ns: int,
        what: str,
        *,
        actor: str = DETECTOR,
        reason: str = "",
        finding: Finding | None = None,
        notify: str = "",
        **changes: object,
    ) -> None:
        """Change the incident and append the row."""
        i = self.incident
        apply: Callable[..., Incident] = replace
        self.incident = apply(i, seq=i.seq + 1, revision=i.revision + 1, **changes)
        mover = finding.finding_id if finding else None
        row = Transition(self.incident.seq, at_ns, what, notify, actor, reason, mover, self.incident)
        self.rows.append(row)

    def move(self, at_ns: int, state: str, what: str, **rest: Any) -> None:
        """Enter a state."""
        self.add(at_ns, what, state=state, since_ns=at_ns, **rest)

    def elapse(self, now_ns: int) -> None:
        """Let the deadlines up to ``now_ns`` take effect."""
        i = self.incident
        hold_end = i.since_ns + self.timing.hold_ns
        if i.state == PENDING and i.evidence != "ok" and now_ns >= hold_end:
            self.move(hold_end, FIRING, "fired", notify="opened", fired_ns=hold_end)
        keep_end = i.since_ns + self.timing.keep_firing_ns
        if i.state == RECOVERING and i.evidence == "ok" and now_ns >= keep_end:
            self.move(
                keep_end,
                RESOLVED,
                "resolved",
                reason="the change ended",
                notify="resolved",
                ending="recovered",
                resolved_ns=keep_end,
            )

    def evidence(self, event: Evidence, now_ns: int) -> None:
        """Evidence arrived."""
        i, status = self.incident, event.status
        bad = status != "ok"
        said: dict[str, Any] = {"reason": event.reason, "finding": event.finding, "evidence": status}
        if i.state == OK and bad:
            self.move(now_ns, PENDING, "opened", **said)
        elif i.state == PENDING and not bad:
            self.move(now_ns, OK, "cleared", **said)
        elif i.state == FIRING and not bad:
            self.move(now_ns, RECOVERING, "recovering", **said)
        elif i.state == RECOVERING and status == "breach":
            self.move(now_ns, FIRING, "relapsed", **said)
        elif i.state == RECOVERING and not bad and i.evidence != "ok":
            self.move(now_ns, RECOVERING, "evidence", **said)
        elif i.state == RESOLVED:
            if status == "breach" and self.may_reopen(now_ns):
                self.reopen(now_ns, said)
        elif i.state != OK and status != i.evidence:
            self.add(now_ns, "evidence", **said)

    def may_reopen(self, now_ns: int) -> bool:
        """Whether a breach now is the same incident again."""
        i = self.incident
        return i.ending in REOPENABLE and now_ns - i.since_ns <= self.timing.reopen_ns

    def reopen(self, now_ns: int, said: dict[str, Any]) -> None:
        """The same incident again: someone has to look again, or for the first time."""
        fired_ns = self.incident.fired_ns
        self.move(
            now_ns,
            FIRING,
            "reopened",
            notify="opened" if fired_ns is None else "reopened",
            fired_ns=now_ns if fired_ns is None else fired_ns,
            ending=None,
            resolved_ns=None,
            acknowledged_by=None,
            acknowledged_ns=None,
            reopened=self.incident.reopened + 1,
            **said,
        )

    def raised(self, event: Raise, now_ns: int) -> None:
        """Severity rises in place; people are told once, unless they have not been told anything yet."""
        i = self.incident
        if SEVERITIES.index(event.severity) >= SEVERITIES.index(i.severity):
            return
        self.add(
            now_ns,
            "raised",
            reason=f"{i.severity} became {event.severity}",
            finding=event.finding,
            notify="raised" if i.state in (FIRING, RECOVERING) else "",
            severity=event.severity,
        )

    def end(self, event: End, now_ns: int) -> None:
        """Ended by decision."""
        i = self.incident
        relabel = i.state == RESOLVED and event.ending == "false_alarm" and i.ending in REOPENABLE
        if not (i.is_open or relabel):
            how = f"ended as {i.ending}" if i.ending else i.state
            raise NotPossible(f"incident {i.incident_id} is {how}: it cannot end as {event.ending}")
        self.move(
            now_ns,
            RESOLVED,
            "resolved",
            actor=event.actor,
            reason=event.reason,
            finding=event.finding,
            notify="resolved" if i.state in (FIRING, RECOVERING) else "",
            ending=event.ending,
            resolved_ns=i.resolved_ns if relabel else now_ns,
        )

    def acknowledge(self, event: Acknowledge, now_ns: int) -> None:
        """Taken by a person; the same person again changes nothing."""
        i = self.incident
        if not i.is_open:
            raise NotPossible(f"incident {i.incident_id} is {i.state}: only an open one can be acknowledged")
        if i.acknowledged_by == event.actor:
            return
        self.add(
            now_ns,
            "acknowledged",
            actor=event.actor,
            reason=event.reason,
            acknowledged_by=event.actor,
            acknowledged_ns=now_ns,
        )
