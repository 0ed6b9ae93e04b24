"""What happened in a day or a week, in one message: tickets, and what nobody was told of. Pure.

Pages are told when they fire; a ticket can wait for the next morning. A digest names the tickets that fired
in its period and those that are still open from before, and what silences and incidents about several
services kept from people meanwhile. Of nothing there is no digest, unless one line is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from alerts.briefs.headline import headline
from alerts.incidents.identity import LIVE
from alerts.incidents.incident import FIRING, RECOVERING, RESOLVED, Incident
from detectors.finding import rfc3339
from infra.clock import to_datetime, to_ns

DAILY, WEEKLY = "daily", "weekly"
DAYS = {DAILY: 1, WEEKLY: 7}
MAX_LINES = 50
"""Incidents named under one heading; the others are counted."""


@dataclass(frozen=True, slots=True)
class Period:
    """From ``start`` up to ``end``, aware UTC."""

    kind: str
    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        """What people read."""
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Line:
    """One incident: its headline, how it stands, and where to look."""

    incident_id: str
    state: str
    headline: str
    url: str


@dataclass(frozen=True, slots=True)
class Section:
    """Incidents under a heading; ``n`` of them, of which the first are named."""

    title: str
    n: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """What a period held; without sections nothing."""

    period: Period
    sections: tuple[Section, ...]

    @property
    def headline(self) -> str:
        """The whole in a line."""
        what = ", ".join(f"{section.n} {section.title}" for section in self.sections)
        return f"Lightship, {self.period.kind}: {what or 'nothing to look at'}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        period = {
            "kind": self.period.kind,
            "start": rfc3339(self.period.start),
            "end": rfc3339(self.period.end),
        }
        sections = [{**asdict(s), "lines": [asdict(line) for line in s.lines]} for s in self.sections]
        return {"v": 1, "headline": self.headline, "period": period, "sections": sections}


def last_period(kind: str, hour: int, now_ns: int) -> Period:
    """The period that ended last, at ``hour`` (UTC) of a day or, of a week, of its Monday."""
    now = to_datetime(now_ns)
    end = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    if kind == WEEKLY:
        end -= timedelta(days=end.weekday())
    if end > now:
        end -= timedelta(days=DAYS[kind])
    return Period(kind, end - timedelta(days=DAYS[kind]), end)


def digest(incidents: Iterable[Incident], period: Period, dashboard: str = "") -> Digest:
    """What a period held of live incidents; ``dashboard`` is the address of links."""
    start, end = to_ns(period.start), to_ns(period.end)
    fired = [i for i in incidents if i.place.lineage == LIVE and i.fired_ns is not None and i.fired_ns < end]
    fired.sort(key=lambda i: (i.fired_ns or 0, i.incident_id))
    new = [i for i in fired if (i.fired_ns or 0) >= start]
    quiet = [i for i in fired if _untold(i, start)]
    kept = {i.incident_id for i in quiet}
    merged = [i for i in fired if i.ending == "superseded" and start <= (i.resolved_ns or 0) < end]
    apart = kept | {i.incident_id for i in merged}
    tickets = [i for i in new if i.severity == "ticket" and i.incident_id not in apart]
    before = [
        i
        for i in fired
        if i.severity == "ticket" and (i.fired_ns or 0) < start and _open(i) and i.incident_id not in apart
    ]
    pages = [i for i in new if i.severity == "page" and i.incident_id not in apart]
    found = (
        ("new tickets", tickets),
        ("older tickets still open", before),
        ("told to nobody: silenced", quiet),
        ("part of a change in several services", merged),
        ("pages", pages),
    )
    named = any(chosen for title, chosen in found if title != "pages")
    sections = tuple(_section(title, chosen, dashboard) for title, chosen in found if chosen)
    return Digest(period, sections if named else ())


def _open(incident: Incident) -> bool:
    return incident.state in (FIRING, RECOVERING)


def _untold(incident: Incident, start_ns: int) -> bool:
    """Whether silences kept it from people: it is silenced now, or was over before one ended."""
    of_late = (incident.fired_ns or 0) >= start_ns or _open(incident)
    unheard = incident.heard == "" and incident.state == RESOLVED and incident.ending != "superseded"
    return of_late and (incident.silence is not None or unheard)


def _section(title: str, incidents: Sequence[Incident], dashboard: str) -> Section:
    lines = tuple(
        Line(
            i.incident_id,
            i.ending or i.state,
            headline(i),
            f"{dashboard}/incident?id={i.incident_id}" if dashboard else "",
        )
        for i in incidents[:MAX_LINES]
    )
    return Section(title, len(incidents), lines)


def text_of(digest: Digest) -> str:
    """Plain text, a heading and its incidents a paragraph."""
    parts = [f"{digest.headline}\n{digest.period.name}"]
    parts += ["\n".join([f"{s.n} {s.title}", *_lines(s)]) for s in digest.sections]
    return "\n\n".join(parts) + "\n"


def _lines(section: Section) -> list[str]:
    lines = [f"- {line.headline} ({line.state}) {line.url}".rstrip() for line in section.lines]
    more = section.n - len(section.lines)
    return [*lines, f"- and {more} more"] if more else lines
