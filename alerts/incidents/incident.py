"""What people handle: an incident, what was said about it, and the lines of its history.

Times are ns since 1970 UTC on the clock of the incident's lineage.
"""

from __future__ import annotations

from dataclasses import dataclass

from alerts.incidents import onset, primary_finding
from alerts.incidents.identity import Interval, Place
from detectors.finding import Finding, Suspect
from infra.clock import to_ns

OK, PENDING, FIRING, RECOVERING, RESOLVED = "ok", "pending", "firing", "recovering", "resolved"
STATES = (OK, PENDING, FIRING, RECOVERING, RESOLVED)
OPEN = (PENDING, FIRING, RECOVERING)
EVIDENCE = ("ok", "breach", "no_data", "error")
ACCEPTED = "accepted"
"""Ending of an incident whose change a person took for the new level."""
FALSE_ALARM = "false_alarm"
"""Ending of an incident that a person called nothing."""
FIXED = "fixed"
"""Ending of an incident whose cause a person removed."""
RECOVERED = "recovered"
"""Ending of an incident whose change was seen to be over."""
ENDINGS = (RECOVERED, "withdrawn", ACCEPTED, "superseded", FALSE_ALARM, FIXED)
REOPENABLE = (RECOVERED, "withdrawn")
"""Endings that no person decided: the same change coming back reopens the incident."""
BY_PEOPLE = (ACCEPTED, FALSE_ALARM, FIXED)
"""Endings that a person decided."""

MAX_NOTES = 50
"""Notes an incident carries; older ones stay in its history."""

OVER = "over"
"""What people heard last of an incident whose end they were told."""

DETECTOR = "detector"
"""The actor of whatever no person did."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Policy hits of an incident: counted, not kept. ``quiet_ns`` is when they were seen to have stopped."""

    count: int = 0
    first_ns: int = 0
    last_ns: int = 0
    quiet_ns: int | None = None

    @property
    def active(self) -> bool:
        """Whether hits go on."""
        return self.count > 0 and (self.quiet_ns is None or self.last_ns > self.quiet_ns)


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote, and when."""

    at_ns: int
    actor: str
    text: str


@dataclass(frozen=True, slots=True)
class Undoable:
    """The last act of a person that can be undone, and what it replaced.

    ``act`` is the line of history it wrote, ``at_ns`` when, on the clock of people; the rest are fields of
    the incident before it.
    """

    act: str
    at_ns: int
    actor: str
    state: str
    since_ns: int
    ending: str | None
    resolved_ns: int | None
    acknowledged_by: str | None
    acknowledged_ns: int | None
    reopened: int
    ended_by: str | None = None
    ended_reason: str | None = None


@dataclass(frozen=True, slots=True)
class About:
    """Score and kind of a primary finding."""

    score: str
    alert_kind: str

    @classmethod
    def of(cls, finding: Finding) -> About:
        """Those of a finding."""
        return cls(finding.score, finding.alert_kind)


@dataclass(frozen=True, slots=True)
class LevelCall:
    """A level of an escalation policy that was told by transition ``seq``, at ``at_ns`` on the wall clock."""

    policy: str
    level: int
    seq: int
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What people handle: one cause at one place, whatever it did to how many scores.

    ``findings`` are the newest versions of the statements about it, in order of arrival, bounded; ``seen``
    the ids of recent ones that were only counted (``uncounted`` findings beyond the bound, ``hits`` of
    policies). ``seq`` numbers transitions, ``revision`` every change. ``told`` are the receivers that know.
    ``silence`` is the id of the silence that covers it; ``heard`` what people were told last: nothing yet,
    the severity it had then, or that it is `OVER`; ``heard_ns`` is when that was first looked at, on the
    wall clock, and ``reminded_ns`` when they were told once more since nobody had taken it. ``first_about``
    is what its primary finding was about when they were first notified; ``None`` before, and for good if that
    was before it was kept. ``asked_seq`` is
    the transition that asked for somebody last, ``asked_ns`` when that was first looked at, on the wall
    clock, and ``escalated`` are the levels of policies that were told since it began. ``recorded`` are
    changes that people recorded near its onset. ``undo`` is the last act of a person, to be undone. What is
    held (``held_by``) ends by a person's word alone, and what it rests on is kept until it is released.
    """

    incident_id: str
    fingerprint: str
    place: Place
    opened_ns: int
    state: str = OK
    evidence: str = "ok"
    severity: str = "ticket"
    ending: str | None = None
    ended_by: str | None = None
    ended_reason: str | None = None
    since_ns: int = 0
    clock_ns: int = 0
    fired_ns: int | None = None
    resolved_ns: int | None = None
    reopened: int = 0
    acknowledged_by: str | None = None
    acknowledged_ns: int | None = None
    held_by: str | None = None
    held_ns: int | None = None
    silence: str | None = None
    heard: str = ""
    heard_ns: int | None = None
    reminded_ns: int | None = None
    first_about: About | None = None
    asked_seq: int = 0
    asked_ns: int | None = None
    escalated: tuple[LevelCall, ...] = ()
    seq: int = 0
    revision: int = 0
    findings: tuple[Finding, ...] = ()
    seen: tuple[str, ...] = ()
    beyond: int = 0
    hits: Hits = Hits()
    notes: tuple[Note, ...] = ()
    recorded: tuple[Suspect, ...] = ()
    told: tuple[str, ...] = ()
    undo: Undoable | None = None

    @property
    def is_open(self) -> bool:
        """Whether someone may still have to act."""
        return self.state in OPEN

    @property
    def primary_finding(self) -> Finding:
        """The finding the incident is named after."""
        return primary_finding.primary_finding_of(self.findings)

    @property
    def spokesman(self) -> Finding:
        """The finding whose numbers are shown: the lead, or its score in the explaining slice."""
        return primary_finding.spokesman(self.findings)

    @property
    def unit(self) -> str:
        """Unit of the lead."""
        return self.primary_finding.unit

    @property
    def score(self) -> str:
        """Score of the lead."""
        return self.primary_finding.score

    @property
    def slice(self) -> str:
        """First-ranked explaining slice, or ``all``."""
        return primary_finding.explaining_slice(self.findings)

    @property
    def noticed_ns(self) -> int:
        """When it was first noticed: with its first finding or hit; of one that came back, when it did."""
        if not self.reopened:
            return min(self.opened_ns, self.hits.first_ns) if self.hits.count else self.opened_ns
        active = [to_ns(f.made_at) for f in self.findings if primary_finding.is_active(f)]
        return min(active, default=self.opened_ns)

    @property
    def onset_ns(self) -> int:
        """When it began: no later than it was noticed."""
        return onset.incident_onset(self.findings, self.noticed_ns)[0]

    @property
    def onset(self) -> Interval:
        """Interval in which it began."""
        return onset.incident_onset(self.findings, self.noticed_ns)[1]

    @property
    def change_onset_ns(self) -> int:
        """When the change that its headline is about began; it may be one that joined later."""
        return onset.change_onset(self.findings, self.hits.first_ns if self.hits.count else None)

    @property
    def suspects(self) -> tuple[Suspect, ...]:
        """What changed near the onset: recorded by people, then over all findings."""
        return primary_finding.merged_suspects(self.findings, self.recorded)

    @property
    def active(self) -> bool:
        """Whether any of its changes goes on."""
        return self.hits.active or primary_finding.goes_on(self.findings)

    @property
    def unconfirmed(self) -> bool:
        """Whether a person said that it is fixed, or its calls recovered, and it is still measured."""
        units = {
            f.unit
            for f in self.findings
            if primary_finding.is_active(f) and f.alert_kind != primary_finding.ANOMALY
        }
        if self.ending == RECOVERED:
            return primary_finding.CONVERSATION in units
        return self.ending == FIXED and bool(units)

    @property
    def supported(self) -> bool:
        """Whether any statement still stands."""
        return any(primary_finding.supports(f) for f in self.findings)

    @property
    def end_ns(self) -> int | None:
        """When its last change ended; ``None`` while one goes on."""
        if self.active:
            return self.resolved_ns if self.state == RESOLVED else None
        ends = [to_ns(f.ended_at) for f in self.findings if f.ended_at is not None]
        ends += [self.hits.quiet_ns] if self.hits.quiet_ns is not None else []
        ends += [self.resolved_ns] if self.resolved_ns is not None and not ends else []
        return max(ends, default=None)


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of an incident's history, after it happened.

    ``what``: opened fired joined updated withdrawn raised recovering relapsed resolved reopened cleared
    evidence acknowledged noted held released silenced unsilenced reminded escalated undone. ``notify`` is
    empty, or why people are told: opened, raised, reopened, reminder, escalated or resolved.
    """

    seq: int
    at_ns: int
    what: str
    notify: str
    actor: str
    reason: str
    finding_id: str | None
    incident: Incident
    receivers: tuple[str, ...] = ()
