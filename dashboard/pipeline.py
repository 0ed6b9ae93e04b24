"""The sidebar's answer to "is the monitor itself alive?". Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard import formats, palette, strings
from dashboard.palette import State
from dashboard.plain import clean
from dashboard.queries.pipeline import Health

STALLED_AFTER = timedelta(seconds=90)
"""Rooms report every few seconds, with or without data."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A badge and the lines under it."""

    state: State
    lines: tuple[str, ...]


def condition(health: Health, now: datetime, *, live: bool) -> Condition:
    """Judged by the machine's clock: a room that stopped must not hide behind a slow lineage.

    The age of the newest record is told of ``live`` traffic only, whose clock is the machine's.
    """
    if not health.rooms:
        return Condition(palette.NO_DATA, (strings.PIPELINE_QUIET,))
    slowest = min(health.rooms, key=lambda room: room.written_at)
    lines = []
    state = palette.OK
    if now - slowest.written_at > STALLED_AFTER:
        state = palette.FAILED
        age = formats.span(now - slowest.written_at)
        lines.append(strings.PIPELINE_STALLED.format(room=clean(slowest.name, 24), age=age))
    newest = max(room.event_time for room in health.rooms)
    account = health.account
    lost = account.lost if account else 0
    said = strings.PIPELINE_LAG if live else strings.PIPELINE_REPORTED
    age = formats.span(now - (newest if live else slowest.written_at))
    lines.append(said.format(age=age, lost=formats.count(lost)))
    if account:
        received = formats.count(account.received)
        lines.append(
            strings.PIPELINE_ACCOUNT.format(received=received, since=formats.since(account.since, now))
        )
        if account.dead_lettered:
            lines.append(strings.PIPELINE_DEAD.format(n=formats.count(account.dead_lettered)))
    return Condition(palette.FAILED if lost else state, tuple(lines))
