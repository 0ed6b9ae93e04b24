"""An incident in one line: who, what, how much, where, since when."""

from __future__ import annotations

from alerts.briefs import figures, words
from alerts.incidents.identity import PIPELINE
from alerts.incidents.incident import RESOLVED, Incident
from detectors.finding import ALL, Finding
from infra.clock import to_datetime

HEADLINE_LIMIT = 120
"""A headline is shorter than this, in characters."""

_PAST = {
    "recovered": "recovered",
    "withdrawn": "taken back",
    "accepted": "accepted",
    "superseded": "superseded",
    "false_alarm": "false alarm",
    "fixed": "fixed",
}


def headline(incident: Incident) -> str:
    """One line, shorter than `HEADLINE_LIMIT`.

    ``support-assistant: refusals 1.0 % → 58 % (+41 to +66 pp) in language=es since 04:05 UTC``
    """
    finding = incident.spokesman
    now = to_datetime(incident.fired_ns or incident.opened_ns)
    since = figures.clock(to_datetime(incident.change_onset_ns), now)
    tail = f"since {since}"
    if incident.state == RESOLVED:
        tail = f"from {since}, {_PAST.get(incident.ending or '', 'over')}"
    subject = words.subject(finding, incident.hits.count)
    where = _place(incident, finding)
    for said in _shorter(finding, subject):
        for name, slice_ in ((40, 40), (30, 24), (20, 16)):
            text = f"{words.whose(finding, name)}: {said}{where(slice_)} {tail}"
            if len(text) < HEADLINE_LIMIT:
                return text
    room = HEADLINE_LIMIT - 4 - len(words.whose(finding, 20)) - len(where(16)) - len(tail)
    return f"{words.whose(finding, 20)}: {words.plain(subject, max(room, 10))}{where(16)} {tail}"


def _shorter(finding: Finding, subject: str) -> list[str]:
    """A subject, and of what Lightship states of itself what stands before its consequence.

    The consequence follows the last colon; the message's body has both.
    """
    before, colon, _ = subject.rpartition(": ")
    return [subject, before] if finding.alert_kind == PIPELINE and colon else [subject]


class _Placed:
    """Words for the explaining slice, cut to a number of characters when called."""

    def __init__(self, preposition: str, slice_: str) -> None:
        self._preposition, self._slice = preposition, slice_

    def __call__(self, limit: int) -> str:
        return f" {self._preposition} {words.plain(self._slice, limit)}" if self._slice else ""


def _place(incident: Incident, finding: Finding) -> _Placed:
    """``in`` the slice whose numbers are shown, ``mostly in`` one that explains numbers over all traffic.

    What Lightship states of itself names the part it is about.
    """
    if finding.alert_kind == PIPELINE:
        return _Placed("", "")
    if incident.slice == ALL:
        return _Placed("seen in", "" if finding.slice == ALL else finding.slice)
    return _Placed("in" if finding.slice == incident.slice else "mostly in", incident.slice)
