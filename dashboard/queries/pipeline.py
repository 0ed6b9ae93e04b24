"""Is the monitor itself alive: how far each room has come, and whether every record is accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.store import Scope, Store

LEDGER_MESSAGES = 20_000
"""Raw messages per partition over which the account is drawn up; the whole ledger may hold years."""
MAX_PARTITIONS = 256

_PROGRESS = """
SELECT room, topic, partition, next_offset, event_time, written_at
FROM progress FINAL
ORDER BY room, topic, partition
LIMIT 1000
"""

_LEDGER = """
SELECT
    sum(received), sum(stored), sum(duplicate), sum(rejected), sum(dead_lettered), sum(declared),
    count(), min(received_at)
FROM ledger FINAL
WHERE tenant = {{tenant:String}} AND lineage = {{lineage:String}} AND ({windows})
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


def health(store: Store, scope: Scope) -> Health:
    """Progress of every room and the recent account of this scope; two round trips."""
    rows = store.rows(_PROGRESS, {})
    slowest: dict[str, Room] = {}
    starts: dict[tuple[str, int], int] = {}
    for room, topic, partition, next_offset, event_time, written_at in rows:
        item = Room(room, utc(written_at), utc(event_time))
        if room not in slowest or item.written_at < slowest[room].written_at:
            slowest[room] = item
        key = (topic, partition)
        starts[key] = min(starts.get(key, next_offset), max(0, next_offset - LEDGER_MESSAGES))
    return Health(tuple(slowest.values()), _account(store, scope, starts))


def _account(store: Store, scope: Scope, starts: dict[tuple[str, int], int]) -> Account | None:
    bound: dict[str, object] = {}
    windows = []
    for i, ((topic, partition), offset) in enumerate(sorted(starts.items())[:MAX_PARTITIONS]):
        windows.append(
            f"(topic = {{t{i}:String}} AND partition = {{p{i}:UInt16}} AND offset >= {{o{i}:UInt64}})"
        )
        bound |= {f"t{i}": topic, f"p{i}": partition, f"o{i}": offset}
    sql = _LEDGER.format(windows=" OR ".join(windows) or "1")
    received, stored, duplicate, rejected, dead, declared, n, since = store.rows(sql, scope.bind(**bound))[0]
    if not n:
        return None
    return Account(received, stored + duplicate + rejected + dead, dead, declared, utc(since))
