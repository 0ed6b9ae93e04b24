"""Silences: incidents that are tracked and of which nobody is told, until a time. Pure.

A silence covers an incident when its patterns match what the headline names: the services, the score, the
explaining slice, the severity. An incident of several scores is covered when every finding as grave as the
incident itself is: something graver, or as grave and not covered, is told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from alerts.errors import NotPossible
from alerts.incidents import multi_service, primary_finding
from alerts.incidents.events import Event, Evidence, Silenced, Unsilenced
from alerts.incidents.incident import DETECTOR, About, Incident
from alerts.silences.alert_labels import labels_of
from alerts.silences.matchers import Matcher
from detectors.finding import SEVERITIES, rfc3339
from infra.clock import NS_PER_S, to_datetime

MATCHERS = ("service", "score", "slice", "severity")
"""What a silence may name, each with ``*`` and ``?``; ``*`` is everything."""

MAX_SILENCES = 500
"""Silences in force at one time."""

SHORTEST_S, LONGEST_S = 60, 30 * 86_400
"""How long a silence may last; what is wanted for longer is a setting, not a silence."""
AHEAD_S = 90 * 86_400
"""How long before it a silence may be asked for: maintenance is announced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Who asked for quiet about what, why, and until when. Times are ns since 1970 UTC on the wall clock.

    It covers nothing before ``begins_ns``; ``begun`` is whether that time has come (`Silences.at`).
    ``ended_ns`` is when it ended, lifted by ``ended_by`` or (`DETECTOR`) because its time had come.
    ``applied`` is the set of the file that has it; empty where a person made it by hand.

    One that was made in an Alertmanager has the name of its receiver as ``origin``, its id there as
    ``source_id``, and covers what its ``matchers`` match of an incident's alert; patterns are of no account.
    """

    silence_id: str
    tenant: str
    service: str = "*"
    score: str = "*"
    slice: str = "*"
    severity: str = "*"
    actor: str
    reason: str
    made_ns: int
    begins_ns: int
    ends_ns: int
    begun: bool = True
    ended_ns: int | None = None
    ended_by: str | None = None
    ended_reason: str = ""
    applied: str = ""
    origin: str = ""
    source_id: str = ""
    matchers: tuple[Matcher, ...] = ()

    @property
    def in_force(self) -> bool:
        """Whether it has not ended."""
        return self.ended_ns is None

    def covers(self, incident: Incident) -> bool:
        """Whether nobody is to be told of an incident."""
        if not self.begun:
            return False
        if self.origin:
            about = incident.first_about if incident.heard else About.of(incident.primary_finding)
            labels = labels_of(incident.incident_id, incident.place, about, gravest(incident))
            return bool(self.matchers) and all(m.matches(labels) for m in self.matchers)
        if incident.place.tenant != self.tenant or not _fits(self.severity, gravest(incident)):
            return False
        grave = [
            f.score
            for f in incident.findings
            if primary_finding.supports(f) and f.severity == gravest(incident)
        ]
        return (
            all(_fits(self.service, name) for name in multi_service.services_of(incident))
            and all(_fits(self.score, name) for name in grave or [incident.score])
            and _fits(self.slice, incident.slice)
        )

    def fits_service(self, name: str) -> bool:
        """Whether a service is one that it names."""
        return _fits(self.service, name)

    def fits_score(self, name: str) -> bool:
        """Whether a score is one that it names."""
        return _fits(self.score, name)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        out = {name: value for name, value in asdict(self).items() if not name.endswith("_ns")}
        for name in ("made", "begins", "ends", "ended"):
            at_ns = getattr(self, f"{name}_ns")
            out[f"{name}_at"] = None if at_ns is None else rfc3339(to_datetime(at_ns))
        listed = {"applied": self.applied or None, "matchers": list(out["matchers"])}
        return {**out, **listed, "in_force": self.in_force}


def gravest(incident: Incident) -> str:
    """The severity of an incident, or that of a finding that is about to raise it."""
    found = [f.severity for f in incident.findings if primary_finding.supports(f)]
    return min([incident.severity, *found], key=SEVERITIES.index)


def _fits(pattern: str, name: str) -> bool:
    """A name as it stands always fits itself, whatever characters it holds."""
    return pattern == name or fnmatchcase(name, pattern.replace("[", "[[]"))


def requested_silence(
    tenant: str,
    patterns: dict[str, str],
    actor: str,
    reason: str,
    now_ns: int,
    lasts_s: float,
    begins_ns: int | None = None,
) -> Silence:
    """The silence a person asks for, from now on or from a time to come.

    Raises
    ------
    NotPossible
        If it would cover everything, could never cover anything, lasts too long or not long enough, or began
        before now or begins in too long a time.
    """
    named = {name: patterns.get(name) or "*" for name in MATCHERS}
    if all(set(pattern) <= {"*"} for pattern in named.values()):
        raise NotPossible(f"a silence of everything is not possible: name one of {', '.join(MATCHERS)}")
    if not any(_fits(named["severity"], known) for known in SEVERITIES):
        raise NotPossible(f"severity {named['severity']!r} matches none of {', '.join(SEVERITIES)}")
    if not SHORTEST_S <= lasts_s <= LONGEST_S:
        raise NotPossible(
            f"a silence of {lasts_s:g} s is not possible: it may last {SHORTEST_S} s to "
            f"{LONGEST_S // 86_400} days"
        )
    begins_ns = now_ns if begins_ns is None else begins_ns
    if not 0 <= begins_ns - now_ns <= AHEAD_S * NS_PER_S:
        raise NotPossible(
            f"a silence from {rfc3339(to_datetime(begins_ns))} on is not possible: it may begin within "
            f"{AHEAD_S // 86_400} days, not before now"
        )
    ends_ns = begins_ns + int(lasts_s * NS_PER_S)
    body = json.dumps([tenant, *named.values(), actor, reason, now_ns, ends_ns], ensure_ascii=False)
    silence_id = hashlib.sha256(body.encode()).hexdigest()[:16]
    return Silence(
        silence_id=silence_id,
        tenant=tenant,
        service=named["service"],
        score=named["score"],
        slice=named["slice"],
        severity=named["severity"],
        actor=actor,
        reason=reason,
        made_ns=now_ns,
        begins_ns=begins_ns,
        ends_ns=ends_ns,
        begun=begins_ns <= now_ns,
    )


@dataclass(frozen=True, slots=True)
class Silences:
    """The silences in force, oldest first, and those that ended lately. Never changed in place."""

    all: tuple[Silence, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "all", tuple(sorted(self.all, key=lambda s: (s.made_ns, s.silence_id))))

    @property
    def in_force(self) -> tuple[Silence, ...]:
        """Those that have not ended."""
        return tuple(s for s in self.all if s.in_force)

    def get(self, silence_id: str) -> Silence | None:
        """A silence by id."""
        return next((s for s in self.all if s.silence_id == silence_id), None)

    def with_(self, silence: Silence) -> Silences:
        """These and one more, or one as it is now."""
        return Silences((*(s for s in self.all if s.silence_id != silence.silence_id), silence))

    def at(self, now_ns: int) -> Silences:
        """These at a time: those whose time has come have begun."""
        return Silences(tuple(replace(s, begun=s.begins_ns <= now_ns) for s in self.all))

    def over(self, now_ns: int) -> list[Silence]:
        """Those whose time has come, as they end."""
        due = [s for s in self.in_force if s.ends_ns <= now_ns]
        return [
            replace(s, ended_ns=s.ends_ns, ended_by=DETECTOR, ended_reason="its time is over") for s in due
        ]

    def covering(self, incident: Incident) -> Silence | None:
        """The silence that covers an incident: the one that does already, if it still does; the oldest."""
        found = [s for s in self.in_force if s.covers(incident)]
        return next((s for s in found if s.silence_id == incident.silence), found[0] if found else None)

    def before(self, incident: Incident, events: Sequence[Event]) -> list[Event]:
        """What is to happen to an incident before some events do: a silence begins to cover it.

        One that is over has nothing to be silent about, unless what comes may open it again.
        """
        asked = any(isinstance(event, Evidence) for event in events)
        return self._begin(incident) if asked or incident.is_open or incident.silence is not None else []

    def after(self, incident: Incident) -> list[Event]:
        """What is to happen to an incident as it stands: a silence begins or ends to cover it."""
        if incident.silence is None or self.covering(incident) is not None:
            return self._begin(incident) if incident.is_open or incident.silence is not None else []
        last = self.get(incident.silence)
        if last is None or last.ended_by is None:
            return [Unsilenced(reason="the silence does not cover it any more")]
        return [Unsilenced(last.ended_by, f"the silence ended: {last.ended_reason}")]

    def _begin(self, incident: Incident) -> list[Event]:
        found = self.covering(incident)
        if found is None or found.silence_id == incident.silence:
            return []
        return [Silenced(found.silence_id, found.actor, found.reason)]


def newest(rows: Iterable[Silence]) -> Silences:
    """Silences from stored rows: a row that says it ended stands over one that does not."""
    out: dict[str, Silence] = {}
    for row in rows:
        known = out.get(row.silence_id)
        if known is None or known.in_force:
            out[row.silence_id] = row
    return Silences(tuple(out.values()))
