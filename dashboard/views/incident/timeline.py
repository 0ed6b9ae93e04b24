"""An incident's history as lines of text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard import formats, strings
from dashboard.queries.incidents import Moment
from dashboard.safe_text import clean
from dashboard.tables.incident import Incident

LIMIT = 40
"""Lines that are shown; what lies between the first and the last of a long history is only counted."""
NOTE = 300
DETECTOR = "detector"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. ``what`` is ours, ``note`` may be anybody's."""

    at: datetime
    what: str
    note: str


def lines(incident: Incident, moments: Sequence[Moment], now: datetime) -> list[Line]:
    """Onset, suspects and transitions in order of time."""
    out = [
        Line(s.since, strings.TIMELINE_SUSPECT, f"{s.kind.replace('_', ' ')} {clean(s.value, NOTE)}")
        for s in incident.suspects
        if s.since is not None
    ]
    if incident.onset_known:
        low, high = (formats.moment(at, now) for at in (incident.onset_low, incident.onset_high))
        note = strings.TIMELINE_ONSET_NOTE.format(low=low, high=high)
        if incident.is_silent:
            note = strings.TIMELINE_ONSET_EXACT
        out.append(Line(incident.onset, strings.TIMELINE_ONSET, note))
    out += [_line(moment) for moment in moments]
    out.sort(key=lambda line: line.at)
    if len(out) <= LIMIT:
        return out
    hidden = len(out) - LIMIT
    middle = Line(out[LIMIT // 2].at, strings.TIMELINE_MORE.format(n=hidden), "")
    return [*out[: LIMIT // 2], middle, *out[-LIMIT // 2 :]]


def _line(moment: Moment) -> Line:
    what = strings.TIMELINE_WORDS.get(moment.what, moment.what.capitalize() or moment.state)
    parts = []
    if moment.actor and moment.actor != DETECTOR:
        parts.append(clean(moment.actor, 100))
    if moment.what == "resolved" and moment.ending:
        parts.append(strings.ENDING_WORDS.get(moment.ending, moment.ending))
    if moment.what in {"fired", "opened"}:
        parts.append(strings.TIMELINE_SEVERITY.format(severity=moment.severity))
    if moment.reason:
        parts.append(clean(moment.reason, NOTE))
    parts += [
        strings.TIMELINE_TOLD.format(
            receiver=clean(receiver, 60), outcome=strings.OUTCOMES.get(outcome, outcome)
        )
        for receiver, outcome in moment.told
    ]
    return Line(moment.at, what, " · ".join(parts))
