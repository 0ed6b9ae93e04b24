"""Is the monitor itself alive: how far each room has come, and whether every record is accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.store import Scope, Store

_PROGRESS = """
SELECT room, written_at, event_time
FROM progress FINAL
ORDER BY room, written_at
LIMIT 1000
"""

_LEDGER = """
SELECT
    sum(received), sum(stored + duplicate + rejected + dead_lettered), sum(dead_lettered), sum(declared),
    count(), min(received_at)
FROM ledger FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND received_at >= toDateTime({since:UInt32}, 'UTC')
"""


@dataclass(frozen=True, slots=True)
class Room:
    """One room's slowest partition: when it last wrote progress, and its newest event time."""

    name: str
    written_at: datetime
    event_time: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """Sums of recent ledger rows; ``since`` is when the first of them was received."""

    received: int
    accounted: int
    dead_lettered: int
    declared: int
    since: datetime

    @property
    def lost(self) -> int:
        """Records that were announced or received and are in no column."""
        return max(0, max(self.received, self.declared) - self.accounted)


@dataclass(frozen=True, slots=True)
class Health:
    """What the sidebar shows."""

    rooms: tuple[Room, ...]
    account: Account | None


def health(store: Store, scope: Scope, since_s: int) -> Health:
    """Progress of every room, and the account of what arrived since ``since_s`` (wall clock)."""
    slowest: dict[str, Room] = {}
    for room, written_at, event_time in store.rows(_PROGRESS, {}):
        slowest.setdefault(room, Room(room, utc(written_at), utc(event_time)))
    received, accounted, dead, declared, n, since = store.rows(_LEDGER, scope.bind(since=since_s))[0]
    account = Account(received, accounted, dead, declared, utc(since)) if n else None
    return Health(tuple(slowest.values()), account)
