"""Is the monitor itself alive: how far each process has come, and whether every record is accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.formats import utc
from dashboard.queries.store import Scope, Store

NO_EVENT = datetime(1970, 1, 2, tzinfo=UTC)
"""Times before stand for none."""


@dataclass(frozen=True, slots=True)
class Partition:
    """How far a process has come in one partition; ``event_time`` is 1970 while it has read no record."""

    room: str
    topic: str
    partition: int
    next_offset: int
    event_time: datetime
    written_at: datetime

    @property
    def has_event(self) -> bool:
        """Whether it has read a record or a mark of the clock."""
        return self.event_time > NO_EVENT


@dataclass(frozen=True, slots=True)
class Hour:
    """Records that arrived in one hour, by what became of them."""

    at: datetime
    received: int
    stored: int
    duplicate: int
    rejected: int
    dead_lettered: int
    declared: int

    @property
    def lost(self) -> int:
        """Announced or received, and in no column."""
        accounted = self.stored + self.duplicate + self.rejected + self.dead_lettered
        return max(0, max(self.received, self.declared) - accounted)


@dataclass(frozen=True, slots=True)
class Source:
    """One partition of the topics that telemetry comes by: its newest message, and what it held."""

    topic: str
    partition: int
    newest_offset: int
    newest: datetime
    messages: int
    received: int
    lost: int
    dead_lettered: int


@dataclass(frozen=True, slots=True)
class Accounts:
    """What arrived in a window; ``reasons`` are (reason, records) of what was not stored."""

    hours: tuple[Hour, ...]
    reasons: tuple[tuple[str, int], ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Late:
    """Outputs of a service that came after their tick was closed, of all."""

    service: str
    environment: str
    late: int
    n: int


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of the store, bytes."""

    name: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Holes:
    """Offsets of the topics that no message has, proven by reading them; ``newest`` is when."""

    n: int
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class SetAside:
    """A service that detection failed on and does not watch; ``since`` by the clock of its lineage."""

    service: str
    environment: str
    since: datetime
    error: str
    place: str


_SET_ASIDE = """
SELECT service, environment, min(since), any(error), any(place)
FROM quarantine
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
GROUP BY room, shard, environment, service, since_offset
HAVING max(released) = 0
ORDER BY service, environment
LIMIT 200
"""

_HOURS = """
SELECT
    toStartOfHour(received_at) AS hour, sum(received), sum(stored), sum(duplicate), sum(rejected),
    sum(dead_lettered), sum(declared)
FROM ledger FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND received_at >= toDateTime({since:UInt32}, 'UTC')
GROUP BY hour
ORDER BY hour
LIMIT 200
"""

_REASONS = """
SELECT reason, sum(n) AS records
FROM ledger FINAL
ARRAY JOIN mapKeys(reasons) AS reason, mapValues(reasons) AS n
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND received_at >= toDateTime({since:UInt32}, 'UTC')
GROUP BY reason
ORDER BY records DESC, reason
LIMIT 100
"""

_SOURCES = """
SELECT
    topic, partition, max(offset), max(received_at), count(), sum(received),
    sum(if(greatest(received, declared) > stored + duplicate + rejected + dead_lettered,
        greatest(received, declared) - (stored + duplicate + rejected + dead_lettered), 0)),
    sum(dead_lettered)
FROM ledger FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND received_at >= toDateTime({since:UInt32}, 'UTC')
GROUP BY topic, partition
ORDER BY topic, partition
LIMIT 600
"""

_LATE = """
SELECT service, environment, sum(most_late) AS k, sum(most) AS outputs
FROM
(
    SELECT service, environment, tick, max(late) AS most_late, max(whole) AS most
    FROM
    (
        SELECT service, environment, tick, score, sumIf(n, part != 0) AS late, sum(n) AS whole
        FROM cells FINAL
        PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
            AND unit = 'interaction' AND score IN {scores:Array(String)} AND slice = 'all'
            AND tick >= toDateTime({since:UInt32}, 'UTC') AND tick <= toDateTime({now:UInt32}, 'UTC')
        GROUP BY service, environment, tick, score, generation
    )
    GROUP BY service, environment, tick
)
GROUP BY service, environment
ORDER BY k / outputs DESC, service, environment
LIMIT 500
"""

_PARTITIONS = """
SELECT room, topic, partition, next_offset, event_time, written_at
FROM progress FINAL
ORDER BY room, topic, partition
LIMIT 1000
"""

_DISKS = """
SELECT name, free_space, total_space FROM system.disks ORDER BY name LIMIT 50
"""

_HOLES = """
SELECT sum(last - first + 1), max(proven_at)
FROM ledger_holes FINAL
WHERE proven_at >= now() - toIntervalDay({days:UInt32})
LIMIT 1
"""


def partitions(store: Store, scope: Scope) -> tuple[Partition, ...]:
    """Progress of every process and partition; processes work for all tenants."""
    del scope
    rows = store.rows(_PARTITIONS, {})
    return tuple(Partition(r, t, p, int(n), utc(at), utc(written)) for r, t, p, n, at, written in rows)


def accounts(store: Store, scope: Scope, since_s: int) -> Accounts:
    """What arrived since ``since_s`` (wall clock), by hour, by reason and by source partition."""
    given = scope.bind(since=since_s)
    hours = tuple(Hour(utc(at), *(int(n) for n in counts)) for at, *counts in store.rows(_HOURS, given))
    reasons = tuple((str(reason), int(n)) for reason, n in store.rows(_REASONS, given))
    sources = tuple(
        Source(topic, partition, int(newest), utc(at), int(n), int(received), int(lost), int(dead))
        for topic, partition, newest, at, n, received, lost, dead in store.rows(_SOURCES, given)
    )
    return Accounts(hours, reasons, sources)


def late(store: Store, scope: Scope, scores: tuple[str, ...], hours: int = 24) -> tuple[Late, ...]:
    """Late outputs of the last ``hours`` of the lineage's clock, by service, the largest share first."""
    since = scope.now_s - hours * 3600
    rows = store.rows(_LATE, scope.bind(scores=list(scores), since=since, now=scope.now_s))
    return tuple(Late(service, environment, int(k), int(n)) for service, environment, k, n in rows)


def set_aside(store: Store, scope: Scope) -> tuple[SetAside, ...]:
    """Services of the lineage that are in quarantine."""
    rows = store.rows(_SET_ASIDE, scope.bind())
    return tuple(SetAside(s, e, utc(since), error, place) for s, e, since, error, place in rows)


def disks(store: Store, scope: Scope) -> tuple[Disk, ...]:
    """Room on the store's disks."""
    del scope
    return tuple(Disk(name, int(free), int(total)) for name, free, total in store.rows(_DISKS, {}))


def holes(store: Store, scope: Scope, days: int = 30) -> Holes:
    """Offsets without a message that were proven in the last ``days``."""
    del scope
    n, newest = store.rows(_HOLES, {"days": days})[0]
    return Holes(int(n), utc(newest) if n else None)
