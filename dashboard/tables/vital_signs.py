"""Signs that the monitor itself is not well, each with since when and what to do next. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard import formats, palette
from dashboard.measures import intervals
from dashboard.palette import State
from dashboard.queries.pipeline import Accounts, Disk, Holes, Late, Partition, SetAside
from dashboard.safe_text import clean
from dashboard.tables import pipeline_text as words
from detectors.finding import SEVERAL
from infra.clock import to_datetime, to_ns
from infra.embedded.restart_loop import Restarted

STALLED_AFTER = timedelta(seconds=90)
"""Rooms report every few seconds, with or without data."""
LATE_SHARE = 0.05
"""Share of a service's outputs that may come late before it is a sign."""
FULL_SHARE = 0.10
"""Free share of a disk below which it is one."""
BEHIND = timedelta(minutes=5)
"""Live records may be so old when they are processed."""
FLEET = "fleet"
"""The room that reads whole ticks: it is as old as a tick and what that waits for late records."""
DEAD = "dead_letter:"
MODULES = {"fleet": "ingest.agents.fleet.worker"}
"""What runs a room; the worker runs the others."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One room: whether it answers, whether it is ready, and in its own words why not."""

    room: str
    answers: bool
    ready: bool
    problem: str


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that is wrong; ``since`` is ``None`` where it cannot be told."""

    state: State
    what: str
    since: datetime | None
    next: str


def signs(
    parts: Sequence[Partition],
    accounts: Accounts,
    late: Sequence[Late],
    disks: Sequence[Disk],
    holes: Holes,
    now: datetime,
    *,
    live: bool,
    tick_s: float,
    set_aside: Sequence[SetAside] = (),
) -> list[Sign]:
    """What is wrong, the most urgent first; empty when nothing is.

    ``tick_s`` is how old a whole tick is when it is closed, seconds.
    """
    if not parts:
        return [Sign(palette.NO_DATA, words.NO_ROOMS, None, words.NO_ROOMS_NEXT)]
    found = _stalled(parts, now)
    if live and accounts.sources:  # without records for as long as that nothing moves the clocks of rooms
        found += _behind(parts, now, timedelta(seconds=tick_s))
    found += [*_unwatched(set_aside), *_account(accounts)]
    if holes.n:
        what = words.HOLES.format(n=formats.count(holes.n))
        found.append(Sign(palette.FAILED, what, holes.newest, words.HOLES_NEXT))
    for one in late:
        share = one.late / one.n if one.n else 0.0
        if intervals.wilson(one.late, one.n).low > LATE_SHARE:
            what = words.LATE.format(share=formats.share(share), service=clean(one.service, 60))
            found.append(Sign(palette.FAILED, what, None, words.LATE_NEXT))
    for disk in disks:
        if disk.total and disk.free / disk.total < FULL_SHARE:
            left = formats.percent(disk.free / disk.total, 0)
            what = words.DISK.format(name=clean(disk.name, 40), share=left)
            found.append(Sign(palette.FAILED, what, None, words.DISK_NEXT))
    return found


def unready(rooms: Sequence[Listener]) -> list[Sign]:
    """Rooms that do not answer, or that answer and wait for something."""
    return [
        Sign(
            palette.FAILED,
            words.UNREADY.format(
                room=room.room,
                says=(words.NOT_READY if room.answers else words.NO_ANSWER).format(problem=room.problem),
            ),
            None,
            words.UNREADY_NEXT if room.answers else words.AWAY_NEXT,
        )
        for room in rooms
        if not room.ready
    ]


def restarting(processes: Sequence[Restarted], now: datetime) -> list[Sign]:
    """Processes that end and are started again, over and over."""
    now_ns = to_ns(now)
    loops = ((one, one.loop_since_ns(now_ns)) for one in processes)
    return [
        Sign(
            palette.FAILED,
            words.RESTARTS.format(says=clean(one.text(now_ns), 160)),
            to_datetime(since_ns),
            words.RESTARTS_NEXT.format(name=clean(one.name, 24)),
        )
        for one, since_ns in loops
        if since_ns is not None
    ]


def _stalled(parts: Sequence[Partition], now: datetime) -> list[Sign]:
    """Rooms whose slowest partition has stopped; one sign a room."""
    out = []
    for room in dict.fromkeys(p.room for p in parts):
        own = [p for p in parts if p.room == room]
        still = [p for p in own if now - p.written_at > STALLED_AFTER]
        if still:
            since = min(p.written_at for p in still)
            what = words.STALLED.format(room=clean(room, 24), n=len(still), of=len(own))
            then = words.STALLED_NEXT.format(module=MODULES.get(room, "ingest.worker"))
            out.append(Sign(palette.FAILED, what, since, then))
    return out


def _behind(parts: Sequence[Partition], now: datetime, tick: timedelta) -> list[Sign]:
    """Partitions that move and whose newest record is old; one sign for all."""
    moving = [p for p in parts if p.has_event and now - p.written_at <= STALLED_AFTER]
    old = [p for p in moving if now - p.event_time > BEHIND + (tick if p.room == FLEET else timedelta())]
    if not old:
        return []
    slowest = min(old, key=lambda p: p.event_time)
    what = words.BEHIND.format(
        n=len(old), age=formats.span(now - slowest.event_time), room=clean(slowest.room, 24)
    )
    return [Sign(palette.FAILED, what, slowest.event_time, words.BEHIND_NEXT)]


def _unwatched(services: Sequence[SetAside]) -> list[Sign]:
    """Services in quarantine."""
    return [
        Sign(
            palette.FAILED,
            (words.UNSHARED if one.service == SEVERAL else words.UNWATCHED).format(
                service=clean(" · ".join(filter(None, (one.service, one.environment))), 60),
                error=clean(one.error, 60),
                place=clean(one.place, 90),
            ),
            one.since,
            words.UNWATCHED_NEXT.format(service=clean(shlex.quote(one.service), 60)),
        )
        for one in services
    ]


def _account(accounts: Accounts) -> list[Sign]:
    lost = [h for h in accounts.hours if h.lost]
    dead = [h for h in accounts.hours if h.dead_lettered]
    out = []
    if lost:
        what = words.LOST.format(n=formats.count(sum(h.lost for h in lost)))
        out.append(Sign(palette.FAILED, what, lost[0].at, words.LOST_NEXT))
    if dead:
        what = words.DEAD.format(n=formats.count(sum(h.dead_lettered for h in dead)))
        out.append(Sign(palette.FAILED, what, dead[0].at, words.DEAD_NEXT))
    return out


def reason_words(reason: str) -> tuple[str, str]:
    """What became of records with this reason, and the reason in words."""
    if reason.startswith(DEAD):
        return words.DEAD_LETTER, clean(reason.removeprefix(DEAD).replace("_", " "), 60)
    if reason == "retried":
        return words.RETRIED, words.RETRIED_WHY
    return words.REJECTED, clean(reason.replace("_", " "), 60)
