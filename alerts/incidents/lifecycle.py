"""The life of an incident: a pure state machine whose history is append-only.

::

    ok --breach--> pending --hold elapsed--> firing --ok--> recovering --keep firing elapsed--> resolved
    pending --ok--> ok | recovering --breach--> firing | resolved --breach in reopen window--> firing
    endings: recovered, withdrawn (the detector took it back), superseded
    endings by people: accepted, false_alarm, fixed

``no_data`` and ``error`` never mean ok: they start an incident and the hold applies to them, and while they
last nothing recovers. A resolved incident that a person ended is never reopened by the same change; one that
was said to be fixed is, when its change is still measured ``unfixed_s`` later, and so is one whose calls
recovered, when its conversations still show the change then. A person may reopen it, and undo the last act of
a person within ``undo_s``.

Beside the state: who has taken it, who holds it (then it ends by a person's word alone, and what it rests on
is kept, over its end, until it is released), and which silence covers it. What people would have been told
meanwhile is not told. When the silence ends they are told once what has come of it: of an incident that is
still open and that nobody heard of, that it opened.

Times are ns since 1970 UTC on the clock of the incident's lineage, which never runs backwards here. A
deadline that has passed takes effect at the deadline, not when it was noticed: a restart changes nothing.
What people do is stamped by the clock on the wall and moves no other: a lineage that gets no data has no new
time, whatever people do meanwhile. A live page that nobody has taken is told once more `remind_s` after it
arrived, to those it arrived at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from alerts.errors import NotPossible
from alerts.incidents import permitted_actions
from alerts.incidents.escalation import ASKING, ESCALATED, may_escalate
from alerts.incidents.events import (
    Acknowledge,
    End,
    Escalate,
    Event,
    Evidence,
    Hold,
    Raise,
    Release,
    Remind,
    Reopen,
    Silenced,
    Undo,
    Unsilenced,
    Write,
    is_human_action,
)
from alerts.incidents.identity import LIVE, fingerprint, incident_id, place_of
from alerts.incidents.incident import (
    BY_PEOPLE,
    DETECTOR,
    FALSE_ALARM,
    FIRING,
    FIXED,
    MAX_NOTES,
    OK,
    OVER,
    PENDING,
    RECOVERED,
    RECOVERING,
    REOPENABLE,
    RESOLVED,
    About,
    Incident,
    LevelCall,
    Note,
    Transition,
)
from alerts.incidents.timing import Timing
from detectors.finding import SEVERITIES, Finding
from infra.clock import to_ns

UNSUPPORTED = "nothing supports it any more"


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
    if is_human_action(event):
        log.of_people(event, now_ns)
        return log.incident, tuple(log.rows)
    log.elapse(now_ns)
    log.incident = replace(log.incident, clock_ns=now_ns)
    if isinstance(event, Evidence):
        log.evidence(event, now_ns)
        log.elapse(now_ns)  # a hold or keep-firing time of zero has already passed
    elif isinstance(event, Raise):
        log.raised(event, now_ns)
    elif isinstance(event, End):
        log.end(event, now_ns)
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
        receivers: tuple[str, ...] = (),
        **changes: object,
    ) -> None:
        """Change the incident and append the row; while it is silenced nobody is told."""
        i = self.incident
        apply: Callable[..., Incident] = replace
        self.incident = apply(i, seq=i.seq + 1, revision=i.revision + 1, **changes)
        if self.incident.silence is not None:
            notify = ""
        elif notify:
            heard = OVER if notify == "resolved" else self.incident.severity
            about = (
                self.incident.first_about if self.incident.heard else About.of(self.incident.primary_finding)
            )
            self.incident = replace(self.incident, heard=heard, heard_ns=None, first_about=about)
            if notify in ASKING:
                told = () if notify == "reopened" else self.incident.escalated
                self.incident = replace(
                    self.incident, asked_seq=self.incident.seq, asked_ns=None, escalated=told
                )
        mover = finding.finding_id if finding else None
        to = receivers if notify else ()
        row = Transition(self.incident.seq, at_ns, what, notify, actor, reason, mover, self.incident, to)
        self.rows.append(row)

    def move(self, at_ns: int, state: str, what: str, **rest: Any) -> None:
        """Enter a state; what a person did before it can be undone no longer."""
        self.add(at_ns, what, **{"state": state, "since_ns": at_ns, "undo": None, **rest})

    def elapse(self, now_ns: int) -> None:
        """Let the deadlines up to ``now_ns`` take effect."""
        i = self.incident
        hold_end = i.since_ns + self.timing.hold_ns
        if i.state == PENDING and i.evidence != "ok" and now_ns >= hold_end:
            self.move(hold_end, FIRING, "fired", notify="opened", fired_ns=hold_end)
        keep_end = i.since_ns + self.timing.keep_firing_ns(i.reopened)
        waits = i.state == RECOVERING and i.evidence == "ok" and i.held_by is None
        if waits and now_ns >= keep_end:
            ending, why = (RECOVERED, "the change ended") if i.supported else ("withdrawn", UNSUPPORTED)
            self.move(
                keep_end,
                RESOLVED,
                "resolved",
                reason=why,
                notify="resolved",
                ending=ending,
                resolved_ns=keep_end,
            )
        fixed_end = (i.resolved_ns or 0) + self.timing.unfixed_ns
        if i.state == RESOLVED and i.unconfirmed and now_ns >= fixed_end:
            minutes = self.timing.unfixed_s / 60
            how = "called fixed" if i.ending == FIXED else "over"
            self.reopen(fixed_end, {"reason": f"still measured {minutes:g} min after it was {how}"})

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
        changes: dict[str, Any] = {
            "notify": "reopened" if self.incident.heard else "opened",
            "fired_ns": now_ns if fired_ns is None else fired_ns,
            "ending": None,
            "ended_by": None,
            "ended_reason": None,
            "resolved_ns": None,
            "acknowledged_by": None,
            "acknowledged_ns": None,
            "reminded_ns": None,
            "reopened": self.incident.reopened + 1,
        }
        self.move(now_ns, FIRING, "reopened", **{**changes, **said})

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
        """Ended by decision; what a person holds only a person ends."""
        i = self.incident
        if i.held_by is not None and event.actor == DETECTOR:
            self.evidence(Evidence("ok", event.finding, event.reason), now_ns)
            return
        relabel = i.state == RESOLVED and event.ending == FALSE_ALARM and i.ending in REOPENABLE
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
            ended_by=event.actor if event.ending in BY_PEOPLE else None,
            ended_reason=event.reason or None if event.ending in BY_PEOPLE else None,
            resolved_ns=i.resolved_ns if relabel else now_ns,
            undo=permitted_actions.undoable(i, "resolved", event.actor, now_ns)
            if event.ending in BY_PEOPLE
            else None,
        )

    def of_people(self, event: Event, now_ns: int) -> None:
        """A person acted."""
        if isinstance(event, End):
            self.end(event, now_ns)
        elif isinstance(event, Acknowledge):
            self.acknowledge(event, now_ns)
        elif isinstance(event, Reopen):
            self.reopen_by_person(event, now_ns)
        elif isinstance(event, Undo):
            changes, notify = permitted_actions.undone(self.incident, now_ns, self.timing)
            reason = permitted_actions.undone_action(self.incident, event.reason)
            self.add(now_ns, "undone", actor=event.actor, reason=reason, notify=notify, undo=None, **changes)
        elif isinstance(event, Hold | Release):
            self.hold(event, now_ns)
        elif isinstance(event, Remind):
            self.remind(event, now_ns)
        elif isinstance(event, Escalate):
            self.escalate(event, now_ns)
        elif isinstance(event, Silenced):
            if event.silence_id != self.incident.silence:
                said: dict[str, Any] = {"actor": event.actor, "reason": event.reason}
                self.add(now_ns, "silenced", silence=event.silence_id, **said)
        elif isinstance(event, Unsilenced):
            if self.incident.silence is not None:
                said = {"actor": event.actor, "reason": event.reason, "notify": _owed(self.incident)}
                self.add(now_ns, "unsilenced", silence=None, **said)
        elif isinstance(event, Write):
            notes = (*self.incident.notes, Note(now_ns, event.actor, event.text))[-MAX_NOTES:]
            self.add(now_ns, "noted", actor=event.actor, reason=event.text, notes=notes)

    def remind(self, event: Remind, now_ns: int) -> None:
        """Told once more, if it is time; the wait begins when a receiver took the page."""
        i = self.incident
        if not may_remind(i, self.timing):
            return
        if i.heard_ns is None:
            since_ns = now_ns if event.since_ns is None else event.since_ns
            self.incident = replace(i, heard_ns=since_ns, revision=i.revision + 1)
        elif now_ns - i.heard_ns >= self.timing.remind_ns:
            minutes = self.timing.remind_s / 60
            self.add(
                now_ns,
                "reminded",
                reason=f"not acknowledged for {minutes:g} min",
                notify="reminder",
                receivers=event.receivers,
                reminded_ns=now_ns,
            )

    def escalate(self, event: Escalate, now_ns: int) -> None:
        """A level is told, unless it was already or nobody waits for anybody."""
        i = self.incident
        told = {(call.policy, call.level) for call in i.escalated}
        if not may_escalate(i) or (event.policy, event.level) in told:
            return
        call = LevelCall(event.policy, event.level, i.seq + 1, now_ns)
        self.add(
            now_ns,
            "escalated",
            reason=event.reason,
            notify=ESCALATED,
            receivers=event.receivers,
            escalated=(*i.escalated, call),
        )

    def hold(self, event: Hold | Release, now_ns: int) -> None:
        """Held or let go; the same person holding again changes nothing."""
        i, holds = self.incident, isinstance(event, Hold)
        if holds and i.state not in (FIRING, RECOVERING, RESOLVED):
            raise NotPossible(
                f"incident {i.incident_id} is {i.state}: only one that people hear of can be held"
            )
        if not holds and i.held_by is None:
            raise NotPossible(f"incident {i.incident_id} is not held: there is nothing to release")
        if holds and i.held_by == event.actor:
            return
        self.add(
            now_ns,
            "held" if holds else "released",
            actor=event.actor,
            reason=event.reason,
            held_by=event.actor if holds else None,
            held_ns=now_ns if holds else None,
            # what waits to recover waits anew, on the clock of its lineage
            since_ns=i.clock_ns if not holds and i.state == RECOVERING else i.since_ns,
        )

    def acknowledge(self, event: Acknowledge, now_ns: int) -> None:
        """Taken by a person; the same person again changes nothing."""
        i = self.incident
        permitted_actions.check_acknowledge(i, event)
        if i.acknowledged_by == event.actor:
            return
        self.add(
            now_ns,
            "acknowledged",
            actor=event.actor,
            reason=event.reason,
            acknowledged_by=event.actor,
            acknowledged_ns=now_ns,
            undo=permitted_actions.undoable(i, "acknowledged", event.actor, now_ns),
        )

    def reopen_by_person(self, event: Reopen, now_ns: int) -> None:
        """Not over: whoever says so has it."""
        permitted_actions.check_reopen(self.incident)
        who: dict[str, Any] = {"acknowledged_by": event.actor, "acknowledged_ns": now_ns}
        last = permitted_actions.undoable(self.incident, "reopened", event.actor, now_ns)
        self.reopen(now_ns, {"actor": event.actor, "reason": event.reason, "undo": last, **who})


def may_remind(incident: Incident, timing: Timing) -> bool:
    """Whether people who were told of a page have not taken it, and were not told once more."""
    i = incident
    told = i.state == FIRING and i.heard == i.severity == SEVERITIES[0] and i.place.lineage == LIVE
    taken = i.acknowledged_by is not None or i.held_by is not None or i.silence is not None
    return told and not taken and i.reminded_ns is None and timing.remind_s > 0


def _owed(incident: Incident) -> str:
    """What people have to be told when they may be told again: what has changed since they last heard."""
    heard = incident.heard
    if incident.state not in (FIRING, RECOVERING):
        return "resolved" if heard not in ("", OVER) else ""
    if heard in ("", OVER):
        return "reopened" if heard else "opened"
    return "raised" if SEVERITIES.index(incident.severity) < SEVERITIES.index(heard) else ""
