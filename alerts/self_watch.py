"""The watcher watched from within: what is wrong with Lightship itself is an incident like any other. Pure.

Detection that stands still finds nothing, which looks like a quiet day. It is stated as a finding of kind
``pipeline`` in the log of findings, so that it is grouped, told and ended as all others are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from alerts.incident import Incident
from detectors.finding import Finding
from detectors.own_finding import SERVICE, own_finding
from infra.clock import NS_PER_S, to_datetime

DETECTOR = "self-watch"
STALLED = "detection_stalled"
STALLED_S = 180.0
"""Detection says every 30 s how far it is, also when nothing comes."""


def stalled_since_ns(said_ns: int | None, now_ns: int, watched_since_ns: int = 0) -> int | None:
    """Since when detection stands still, which last said at ``said_ns`` how far it is; ``None``: it does not.

    One that never began (``said_ns`` ``None``) does not stand still. Who has only begun to look at
    ``watched_since_ns`` gives it time to start, too.
    """
    if said_ns is None or now_ns - max(said_ns, watched_since_ns) <= STALLED_S * NS_PER_S:
        return None
    return said_ns


def in_words(since_ns: int, now_ns: int) -> str:
    """What is wrong."""
    return f"detection has said nothing for {(now_ns - since_ns) / (60 * NS_PER_S):.0f} min: nothing is found"


def open_finding(incidents: Iterable[Incident]) -> Finding | None:
    """What was said of it and goes on."""
    mine = (i for i in incidents if i.is_open and i.place.service == SERVICE)
    return next((f for i in mine for f in i.findings if f.detector == DETECTOR and f.ended_at is None), None)


def statement(since_ns: int | None, said: Finding | None, now_ns: int) -> Finding | None:
    """What is to be said: that it began, or that it is over; ``None`` if nothing has changed."""
    now = to_datetime(now_ns)
    if since_ns is None:
        return None if said is None else replace(said, made_at=now, ended_at=now)
    if said is not None:
        return None
    onset = to_datetime(since_ns // NS_PER_S * NS_PER_S)
    return own_finding(
        STALLED,
        onset.isoformat(),
        at=now,
        onset=onset,
        severity="page",
        detector=DETECTOR,
        note=in_words(since_ns, now_ns),
    )
