"""The watcher watched from within: what is wrong with Lightship itself is an incident like any other. Pure.

Detection that stands still finds nothing, a receiver that is down tells nobody, a full disk stores nothing,
and what comes late is in no window: each looks like a quiet day. It is stated as a finding of kind
``pipeline`` in the log of findings, so that it is grouped, told and ended as all others are. What cannot be
seen now is neither wrong nor fine: nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from alerts.faults import PartFault
from alerts.incidents.incident import Incident
from alerts.notify.delivery_state import Refused
from detectors.finding import ALL, Finding
from detectors.internal_finding import SERVICE, internal_finding
from infra.clock import NS_PER_S, to_datetime
from infra.disks import DiskSpace
from infra.embedded.restart_loop import Restarted

DETECTOR = "self-watch"
STALLED, RECEIVER, DISK, LATE = "detection_stalled", "receiver_down", "disk_full", "late_share"
RESTARTS, WAITING, SET_ASIDE = "restart_loop", "records_waiting", "set_aside"
NOT_RELOADED = "config_not_reloaded"
STALLED_S = 180.0
"""Detection says every 30 s how far it is, also when nothing comes."""
RECEIVER_S = 300.0
"""How long a receiver may fail before the others are told."""
LATE_MOST, LATE_LEAST_N = 0.05, 200
"""Share of an hour's values that may come late, and how many there must be to say so."""
MOST = 20
"""Statements of one kind that are made at a time."""

Key = tuple[str, str]
"""What a statement is about: its score and slice."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one thing is: ``since_ns`` is when it went wrong, ``None`` if it is fine."""

    score: str
    slice: str
    since_ns: int | None
    severity: str = "page"
    note: str = ""
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Late:
    """Values of the last hour of one service, and how many of them were late."""

    tenant: str
    service: str
    n: int
    late: int


def stalled_since_ns(said_ns: int | None, now_ns: int, watched_since_ns: int = 0) -> int | None:
    """Since when detection stands still, which last said at ``said_ns`` how far it is; ``None``: it does not.

    One that never began (``said_ns`` ``None``) does not stand still. Who has only begun to look at
    ``watched_since_ns`` gives it time to start, too.
    """
    if said_ns is None or now_ns - max(said_ns, watched_since_ns) <= STALLED_S * NS_PER_S:
        return None
    return said_ns


def in_words(since_ns: int, now_ns: int) -> str:
    """What is wrong with detection."""
    minutes = (now_ns - since_ns) / (60 * NS_PER_S)
    return f"detection has made no progress for {minutes:.0f} min: nothing is found until it does"


def detection(said_ns: int | None, now_ns: int, watched_since_ns: int = 0) -> Look:
    """Whether detection stands still."""
    since_ns = stalled_since_ns(said_ns, now_ns, watched_since_ns)
    return Look(STALLED, ALL, since_ns, note="" if since_ns is None else in_words(since_ns, now_ns))


def receiver(
    name: str,
    down_since_ns: int | None,
    *,
    answered: bool,
    now_ns: int,
    refused: Refused | None = None,
    why: str = "",
) -> list[Look]:
    """Whether a receiver takes messages; one that nothing was sent to is not known to.

    One that gave up a page, and took nothing since, is told at once.
    """
    if refused is not None:
        note = f"receiver {name} refused a page{_because(refused.reason)}: nobody is notified through it"
        return [Look(RECEIVER, of("receiver", name), refused.since_ns, note=note)]
    if down_since_ns is not None and now_ns - down_since_ns >= RECEIVER_S * NS_PER_S:
        failing = f"receiver {name} has accepted no message for {RECEIVER_S / 60:.0f} min{_because(why)}"
        note = f"{failing}: nobody is notified through it"
        return [Look(RECEIVER, of("receiver", name), down_since_ns, note=note)]
    return [Look(RECEIVER, of("receiver", name), None)] if answered and down_since_ns is None else []


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def restarts(processes: Iterable[Restarted], now_ns: int) -> list[Look]:
    """Whether a process ends and is started again, over and over: a page, whichever it is."""
    looks = []
    for one in list(processes)[:MOST]:
        since_ns = one.loop_since_ns(now_ns)
        note = "" if since_ns is None else one.text(now_ns)
        looks.append(Look(RESTARTS, of("process", one.name), since_ns, note=note))
    return looks


def set_aside(parts: Iterable[tuple[PartFault, bool]]) -> list[Look]:
    """What the alerts service itself failed on, part by part, and whether it did so lately."""
    looks = []
    for fault, lately in parts:
        since_ns = fault.since_ns if lately else None
        note = f"the alerts service set something aside: {fault.text()}" if lately else ""
        looks.append(Look(SET_ASIDE, of("part", fault.part), since_ns, fault.severity, note, fault.n))
    return looks


def not_reloaded(since_ns: int | None, why: str) -> Look:
    """Whether the settings file is other than what is in force, as it cannot be used."""
    note = f"the settings file cannot be used, what it said before stays in force: {why}" if why else ""
    return Look(NOT_RELOADED, ALL, since_ns, "ticket", note)


def gone(said: Iterable[Key], receivers: Iterable[str]) -> list[Look]:
    """What was said of receivers that are not in the settings any more is over."""
    there = {of("receiver", name) for name in receivers}
    return [Look(score, slice_, None) for score, slice_ in said if score == RECEIVER and slice_ not in there]


def disks(rooms: Iterable[DiskSpace], now_ns: int) -> list[Look]:
    """Whether disks have room: a ticket when there is little, a page when there is too little."""
    looks = []
    for room in list(rooms)[:MOST]:
        severity = "page" if room.too_little else "ticket"
        since_ns = now_ns if room.little else None
        looks.append(Look(DISK, of("disk", room.name), since_ns, severity, room.text()))
    return looks


def late(services: Iterable[Late], now_ns: int) -> list[Look]:
    """Whether too much comes late to be in any window; of few values nothing is said."""
    looks = []
    known = sorted((s for s in services if s.n >= LATE_LEAST_N), key=lambda s: (-s.late / s.n, s.service))
    for one in known[:MOST]:
        share = one.late / one.n
        note = f"{100 * share:.0f} % of the last hour's values of {one.service} came late: no window has them"
        since_ns = now_ns if share > LATE_MOST else None
        looks.append(
            Look(LATE, of("service", f"{one.tenant}/{one.service}"), since_ns, "ticket", note, one.n)
        )
    return looks


def of(dimension: str, name: str) -> str:
    """A slice that names one thing."""
    return f"{dimension}={quote(name[:200], safe=' /')}"


def down(incident: Incident) -> frozenset[str]:
    """Slices of the receivers that an incident says are down."""
    return frozenset(f.slice for f in incident.findings if f.detector == DETECTOR and f.score == RECEIVER)


def open_findings(incidents: Iterable[Incident]) -> dict[Key, list[Finding]]:
    """What was said and goes on, by what it is about."""
    found: dict[Key, list[Finding]] = {}
    for incident in (i for i in incidents if i.is_open and i.place.service == SERVICE):
        for f in incident.findings:
            if f.detector == DETECTOR and f.ended_at is None:
                found.setdefault((f.score, f.slice), []).append(f)
    return found


def statements(looks: Iterable[Look], said: Mapping[Key, Sequence[Finding]], now_ns: int) -> list[Finding]:
    """What is to be said: that something began, is graver, or is over; nothing of what has not changed."""
    found, now = [], to_datetime(now_ns)
    for look in looks:
        standing = said.get((look.score, look.slice), ())
        if look.since_ns is None:
            found += [replace(f, made_at=now, ended_at=now) for f in standing]
        elif all((f.severity, look.severity) == ("ticket", "page") for f in standing):
            onset = to_datetime(look.since_ns // NS_PER_S * NS_PER_S)
            parts = (look.slice, look.severity) if look.slice != ALL else ()
            found.append(
                internal_finding(
                    look.score,
                    *parts,
                    onset.isoformat(),
                    at=now,
                    onset=onset,
                    severity=look.severity,
                    detector=DETECTOR,
                    note=look.note,
                    slice_=look.slice,
                    n=look.n,
                )
            )
    return found
