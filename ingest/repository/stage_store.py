"""Where stage 1 keeps rows and asks what is stored: the small protocol, and a store in memory.

The stage needs three things of a store: rows that are stored can be found by trace and span within a range of
times; a row with an equal sort key replaces the one before (where there are revisions the higher one
stays); and an insert either took every row it does not report as refused, or raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from infra.clock import NS_PER_S
from ingest.event_time import MAX_NS
from ingest.repository.tables import LEDGER, Row, Table

Partition = tuple[str, int]
Lineage = tuple[str, str]

MAX_OFFSET = (1 << 63) - 1

NEAR_NS = 3600 * NS_PER_S
"""Starts closer than this to each other are asked for in one range."""


@dataclass(frozen=True, slots=True)
class SpanQuery:
    """Rows of one tenant and lineage by trace, and by span if ``span_ids`` are given.

    ``from_ns`` to ``to_ns`` is the range of their time (both included), for tables that have one. With
    ``column`` rows are found by that instead, which holds one of ``values``; trace ids narrow it down. With
    ``source`` only rows from ``offsets`` of that source partition are meant.
    """

    tenant: str
    lineage: str
    services: frozenset[str]
    trace_ids: frozenset[str]
    span_ids: frozenset[str] | None = None
    from_ns: int = 0
    to_ns: int = MAX_NS
    column: str = ""
    values: frozenset[str] = frozenset()
    source: Partition | None = None
    offsets: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        # a range around a time near either end of what a column holds would reach beyond it
        object.__setattr__(self, "from_ns", min(max(self.from_ns, 0), MAX_NS))
        object.__setattr__(self, "to_ns", min(max(self.to_ns, 0), MAX_NS))


@dataclass(frozen=True, slots=True)
class SpanPlace:
    """What is known of a span that may be stored."""

    tenant: str
    lineage: str
    service: str
    trace_id: str
    span_id: str
    start_ns: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A row the store cannot hold: its place among those given, and why."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What the ledger says: lineages that had data lately, and the next offset of every source partition."""

    lineages: frozenset[Lineage]
    next_offsets: Mapping[Partition, int]


@dataclass(frozen=True, slots=True)
class Accounted:
    """A row of the ledger, as far as it tells how a message fared: dead letters are among ``reasons``."""

    tenant: str
    received: int
    reasons: Mapping[str, int]


class StageStore(Protocol):
    """Where stage 1 keeps rows."""

    def find(self, table: Table, ask: SpanQuery, columns: Sequence[str] | None = None) -> list[Row]:
        """Matching rows (given columns, default all); of one sort key there may be several.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """

    def between(
        self, table: Table, place: Partition, begin: int, end: int, columns: Sequence[str]
    ) -> list[Row]:
        """Given columns of rows from offsets ``begin`` to ``end`` (not included) of a source partition.

        Of one sort key there may be several.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """

    def insert(self, table: Table, rows: Sequence[Row]) -> list[Refused]:
        """Store rows; return those that can never be stored.

        Raises
        ------
        Unavailable
            If the store does not answer; some rows may be stored.
        """

    def has(self, table: Table, tenant: str, lineage: str) -> bool:
        """Whether any row of a lineage is stored in a table that has few of them, if any.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """

    def progress(self, since_ns: int) -> Progress:
        """Lineages received since then, and how far every source partition came.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """

    def accounted(self, since: Mapping[Partition, int]) -> list[Accounted]:
        """How the messages of these partitions fared from these offsets on, in order of arrival.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """


def span_queries(places: Iterable[SpanPlace]) -> list[SpanQuery]:
    """The fewest asks that find these spans without reading far from their starts."""
    groups: dict[Lineage, list[SpanPlace]] = {}
    for place in places:
        groups.setdefault((place.tenant, place.lineage), []).append(place)
    return [
        SpanQuery(
            tenant,
            lineage,
            frozenset(p.service for p in near),
            frozenset(p.trace_id for p in near),
            frozenset(p.span_id for p in near),
            near[0].start_ns,
            near[-1].start_ns,
        )
        for (tenant, lineage), found in sorted(groups.items())
        for near in _clusters(found)
    ]


def _clusters(places: list[SpanPlace]) -> list[list[SpanPlace]]:
    """Places in order of start, cut where the next one is far."""
    places.sort(key=lambda p: p.start_ns)
    clusters = [places[:1]]
    for before, place in pairwise(places):
        if place.start_ns - before.start_ns > NEAR_NS:
            clusters.append([])
        clusters[-1].append(place)
    return clusters


class MemoryStore:
    """A `StageStore` in memory, for dry runs and tests; nothing is ever refused for its values."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[tuple[Any, ...], Row]] = {}
        self._definitions: dict[str, Table] = {}

    def rows(self, table: Table) -> list[Row]:
        """Rows as a reader of the table sees them, in order of the sort key."""
        return [row for _, row in sorted(self._tables.get(table.name, {}).items())]

    def find(self, table: Table, ask: SpanQuery, columns: Sequence[str] | None = None) -> list[Row]:
        """Matching rows."""
        at = table.index
        return [
            row if columns is None else tuple(row[at[name]] for name in columns)
            for row in self._tables.get(table.name, {}).values()
            if (row[at["tenant"]], row[at["lineage"]]) == (ask.tenant, ask.lineage)
            and _is_asked(ask, at, row)
            and _is_from(ask, [row[at[name]] for name in table.source])
            and (table.time is None or ask.from_ns <= row[at[table.time]] <= ask.to_ns)
            and ("start" not in at or not ask.services or row[at["service"]] in ask.services)
        ]

    def between(
        self, table: Table, place: Partition, begin: int, end: int, columns: Sequence[str]
    ) -> list[Row]:
        """Rows by where they came from."""
        at = table.index
        topic, partition, offset = (at[name] for name in table.source)
        return [
            tuple(row[at[name]] for name in columns)
            for row in self._tables.get(table.name, {}).values()
            if (row[topic], row[partition]) == place and begin <= row[offset] < end
        ]

    def insert(self, table: Table, rows: Sequence[Row]) -> list[Refused]:
        """Store rows."""
        stored = self._tables.setdefault(table.name, {})
        revision = table.index.get("revision")
        for row in rows:
            key = table.key_of(row)
            have = stored.get(key)
            if revision is not None and have is not None and have[revision] > row[revision]:
                continue
            stored[key] = row
        return []

    def has(self, table: Table, tenant: str, lineage: str) -> bool:
        """Whether any row of a lineage is stored."""
        return any(key[:2] == (tenant, lineage) for key in self._tables.get(table.name, {}))

    def progress(self, since_ns: int) -> Progress:
        """Lineages received since then, and how far every source partition came."""
        at = LEDGER.index
        rows = self.rows(LEDGER)
        nexts: dict[Partition, int] = {}
        for row in rows:
            nexts[row[at["topic"]], row[at["partition"]]] = row[at["offset"]] + 1
        recent = [r for r in rows if r[at["received_at"]] >= since_ns]
        return Progress(frozenset((r[at["tenant"]], r[at["lineage"]]) for r in recent), nexts)

    def accounted(self, since: Mapping[Partition, int]) -> list[Accounted]:
        """How the messages of these partitions fared from these offsets on, in order of arrival."""
        at = LEDGER.index
        rows = [
            r
            for r in self.rows(LEDGER)
            if r[at["offset"]] >= since.get((r[at["topic"]], r[at["partition"]]), MAX_OFFSET)
        ]
        rows.sort(key=lambda r: (r[at["received_at"]], LEDGER.key_of(r)))
        return [Accounted(r[at["tenant"]], r[at["received"]], r[at["reasons"]]) for r in rows]


def _is_from(ask: SpanQuery, position: Sequence[Any]) -> bool:
    return ask.source is None or (tuple(position[:2]) == ask.source and position[2] in ask.offsets)


def _is_asked(ask: SpanQuery, at: Mapping[str, int], row: Row) -> bool:
    if ask.column:
        return row[at[ask.column]] in ask.values and (
            not ask.trace_ids or row[at["trace_id"]] in ask.trace_ids
        )
    return row[at["trace_id"]] in ask.trace_ids and (
        ask.span_ids is None or row[at["span_id"]] in ask.span_ids
    )
