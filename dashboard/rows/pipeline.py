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


def condition(health: Health, now: datetime, *, live: bool, newest: datetime | None) -> Condition:
    """Judged by the machine's clock: a room that stopped must not hide behind a slow lineage.

    The age of the ``newest`` record is told of ``live`` traffic only, whose clock is the machine's.
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
    account = health.account
    lost = account.lost if account else 0
    lines.append(_lag(now, slowest.written_at, newest, live=live).format(lost=formats.count(lost)))
    if account:
        received = formats.count(account.received)
        lines.append(
            strings.PIPELINE_ACCOUNT.format(received=received, since=formats.since(account.since, now))
        )
        if account.dead_lettered:
            lines.append(strings.PIPELINE_DEAD.format(n=formats.count(account.dead_lettered)))
    return Condition(palette.FAILED if lost else state, tuple(lines))


def _lag(now: datetime, written_at: datetime, newest: datetime | None, *, live: bool) -> str:
    """The line about age, with the place for what was lost."""
    if not live:
        return strings.PIPELINE_REPORTED.replace("{age}", formats.span(now - written_at))
    if newest is None:
        return strings.PIPELINE_NO_RECORD
    return strings.PIPELINE_LAG.replace("{age}", formats.span(now - newest))
