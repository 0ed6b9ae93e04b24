"""The watcher watched from within: what is wrong with Lightship itself is an incident like any other. Pure.

Detection that stands still finds nothing, which looks like a quiet day. It is stated as a finding of kind
``pipeline`` in the log of findings, so that it is grouped, told and ended as all others are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from alerts.incident import Incident
from detectors.finding import Finding
from detectors.own_finding import SERVICE, own_finding
from infra.clock import NS_PER_S, to_datetime

DETECTOR = "self-watch"
STALLED = "detection_stalled"
STALLED_S = 180.0
"""Detection says every 30 s how far it is, also when nothing comes."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What may be wrong. ``since_ns`` is ``None`` while all is well."""

    score: str
    since_ns: int | None
    note: str = ""


def detection(said_ns: int | None, now_ns: int, watched_since_ns: int = 0) -> Condition:
    """Of detection, which last said at ``said_ns`` how far it is (``None``: it never began).

    Who has only begun to look at ``watched_since_ns`` gives it time to start, too.
    """
    if said_ns is None or now_ns - max(said_ns, watched_since_ns) <= STALLED_S * NS_PER_S:
        return Condition(STALLED, None)
    minutes = (now_ns - said_ns) / (60 * NS_PER_S)
    return Condition(STALLED, said_ns, f"detection has said nothing for {minutes:.0f} min: nothing is found")


def open_findings(incidents: Iterable[Incident]) -> dict[str, Finding]:
    """What was said and goes on, by score."""
    mine = (i for i in incidents if i.is_open and i.place.service == SERVICE)
    return {f.score: f for i in mine for f in i.findings if f.detector == DETECTOR and f.ended_at is None}


def statements(conditions: Sequence[Condition], known: dict[str, Finding], now_ns: int) -> list[Finding]:
    """What is to be said: of what began, and of what is over."""
    out = []
    now = to_datetime(now_ns)
    for c in conditions:
        said = known.get(c.score)
        if c.since_ns is not None and said is None:
            onset = to_datetime(c.since_ns // NS_PER_S * NS_PER_S)
            out.append(
                own_finding(
                    c.score,
                    onset.isoformat(),
                    at=now,
                    onset=onset,
                    severity="page",
                    detector=DETECTOR,
                    note=c.note,
                )
            )
        elif c.since_ns is None and said is not None:
            out.append(replace(said, made_at=now, ended_at=now))
    return out
