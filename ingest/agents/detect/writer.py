"""What stage 2 writes to and reads from ClickHouse: log, cells, series, findings and snapshots."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from detectors.counts.series_rows import CellRow, SeriesState
from detectors.finding import Finding
from detectors.observation import ServiceKey
from detectors.series.baseline_reference import Reference
from infra.clock import to_datetime
from ingest.agents.detect.chain import digest_of
from ingest.agents.detect.evidence import DETECT, FLEET, Evidence, EvidenceStore, KeptSnapshot
from ingest.agents.detect.refused_rows import refused_row
from ingest.agents.detect.run_config import RunConfig
from ingest.errors import Unavailable
from ingest.messages import Output
from ingest.repository.inserting import insert_rows, reason_of

logger = logging.getLogger(__name__)
T = TypeVar("T")

ROOM = DETECT
LOGS = {DETECT: "observations", FLEET: "closed_ticks"}
"""Where the log of a room is kept."""
NEEDED = frozenset({"snapshots", "progress", "run_configs"})
"""Tables without whose rows nothing goes on from where it was."""
MOST_SHOWN = 10_000
"""Characters of what a row cannot even be made of."""
_DIGESTED = ("blob", "digest", "chain", "config")
_LATEST = (
    "FROM {table} WHERE room = {{room:String}} AND shard = {{shard:UInt16}} "
    "AND next_offset <= {{upto:UInt64}} ORDER BY next_offset DESC LIMIT 1"
)
_KEEP = (
    "INSERT INTO kept_snapshots (room, shard, next_offset, digest, blob) "
    "SELECT room, shard, next_offset, digest, blob " + _LATEST.format(table="snapshots")
)
_KEPT = "SELECT next_offset, digest " + _LATEST.format(table="kept_snapshots")


@dataclass(frozen=True, slots=True)
class LogRow:
    """One message of the observation log, kept so that a finding can be recomputed."""

    partition: int
    offset: int
    key: ServiceKey
    kind: str
    at_ns: int
    blob: bytes
    digest: str = ""
    chain: str = ""
    config: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State of one shard just before ``next_offset``."""

    shard: int
    epoch: int
    next_offset: int
    blob: bytes


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """A service that was set aside, or is watched again; see the table's columns."""

    shard: int
    key: ServiceKey
    since_offset: int
    released: bool
    since_ns: int
    error: str
    place: str
    program: str
    state: bytes = b""


class DetectStore(EvidenceStore, Protocol):
    """Where stage 2 keeps things; every write may be repeated without harm."""

    def write_log(self, rows: Sequence[LogRow]) -> None:
        """Keep log messages."""

    def write_cells(self, rows: Sequence[tuple[ServiceKey, CellRow, int]]) -> None:
        """Keep cells; the number is the log offset they rest on."""

    def write_findings(self, rows: Sequence[tuple[Finding, int]]) -> None:
        """Keep findings with the log position of the statement."""

    def write_series(self, rows: Sequence[tuple[ServiceKey, SeriesState, int]]) -> None:
        """Keep the state of series."""

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot."""

    def write_quarantine(self, rows: Sequence[QuarantineRow]) -> None:
        """Keep what was set aside or released."""

    def write_progress(self, partition: int, next_offset: int, event_ns: int) -> None:
        """Say how far a shard has come."""

    def latest_snapshot(self, shard: int) -> Snapshot | None:
        """The one with the largest next offset, never the newest by clock."""

    def take_refused(self) -> Sequence[Output]:
        """Dead letters of rows that can never be stored, since the last call."""


class ClickHouseDetectStore:
    """`DetectStore` over a ClickHouse client, for a ``room`` that reads ``topic``."""

    def __init__(self, client: Client, room: str = ROOM, topic: str = "observations") -> None:
        self._client = client
        self._room, self._topic = room, topic
        self._refused: list[Output] = []

    def write_log(self, rows: Sequence[LogRow]) -> None:
        """Keep log messages."""
        self._insert(
            LOGS[self._room],
            ("partition", "offset", "tenant", "lineage", "environment", "service", "kind", "at", *_DIGESTED),
            rows,
            lambda r: (
                *(r.partition, r.offset, *_key(r.key), r.kind, to_datetime(r.at_ns)),
                *(r.blob, r.digest, r.chain, r.config),
            ),
        )

    def write_cells(self, rows: Sequence[tuple[ServiceKey, CellRow, int]]) -> None:
        """Keep cells."""
        names = ("unit", "score", "generation", "slice", "tick", "part", "n", "total", "cell", "count")
        self._insert(
            "cells",
            ("tenant", "lineage", "environment", "service", *names, "category", "applied_offset"),
            rows,
            _cell_row,
        )

    def write_findings(self, rows: Sequence[tuple[Finding, int]]) -> None:
        """Keep findings."""
        names = ("unit", "score", "slice", "severity", "made_at", "onset", "onset_low", "onset_high")
        values = ("effect", "effect_low", "effect_high", "evidence")
        head = ("tenant", "lineage", "service", "environment", "finding_id", "alert_kind", "status")
        self._insert(
            "findings",
            (*head, *names, *values, "body", "version"),
            rows,
            lambda row: (
                *(row[0].tenant, row[0].lineage, row[0].service, row[0].environment or ""),
                *(row[0].finding_id, row[0].alert_kind, row[0].status),
                *(getattr(row[0], n) for n in (*names, *values)),
                *(row[0].to_json(), row[1]),
            ),
        )

    def write_series(self, rows: Sequence[tuple[ServiceKey, SeriesState, int]]) -> None:
        """Keep the state of series."""
        names = tuple(SeriesState.COLUMNS)
        self._insert(
            "series",
            ("tenant", "lineage", "environment", "service", *names, "applied_offset"),
            rows,
            lambda row: (*_key(row[0]), *row[1].row(), row[2]),
        )

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot."""
        s = snapshot
        self._insert(
            "snapshots",
            ("room", "shard", "epoch", "next_offset", "blob", "digest"),
            [(self._room, s.shard, s.epoch, s.next_offset, s.blob, digest_of(s.blob))],
            tuple,
        )

    def write_quarantine(self, rows: Sequence[QuarantineRow]) -> None:
        """Keep what was set aside or released."""
        names = ("since_offset", "released", "since", "error", "place", "program", "state")
        self._insert(
            "quarantine",
            ("room", "shard", "tenant", "lineage", "environment", "service", *names),
            rows,
            lambda r: (
                *(self._room, r.shard, *_key(r.key), r.since_offset, r.released, to_datetime(r.since_ns)),
                *(r.error, r.place, r.program, r.state),
            ),
        )

    def keep_snapshot(self, shard: int, upto: int) -> KeptSnapshot | None:
        """Copy the last snapshot at or before ``upto`` to where snapshots stay."""
        bound = {"room": self._room, "shard": shard, "upto": upto}
        try:
            self._client.command(_KEEP, parameters=bound)
            rows = self._client.query(_KEPT, parameters=bound).result_rows
        except ClickHouseError as error:
            raise Unavailable(f"ClickHouse did not keep a snapshot: {error}") from error
        return KeptSnapshot(int(rows[0][0]), str(rows[0][1])) if rows else None

    def write_run_config(self, run: RunConfig) -> None:
        """Keep what stage 2 runs with."""
        names = ("digest", "config_hash", "body")
        self._insert("run_configs", names, [(run.digest, run.config_hash, run.body)], tuple)

    def write_evidence(self, rows: Sequence[Evidence]) -> None:
        """Keep what statements rest on."""
        names = ("tenant", "finding_id", "version", "room", "partition", "chain", "config", "body_digest")
        self._insert(
            "evidence",
            (*names, "snapshot_offset", "snapshot_digest"),
            rows,
            lambda e: (
                *(getattr(e, n) for n in names),
                *((e.snapshot.next_offset, e.snapshot.digest) if e.snapshot else (None, "")),
            ),
        )

    def write_references(self, rows: Sequence[tuple[ServiceKey, Reference]]) -> None:
        """Keep baselines."""
        names = ("unit", "score", "slice", "version", "channel", "channel_version", "body")
        self._insert(
            "baselines",
            ("tenant", "lineage", "environment", "service", *names, "series_id", "cell", "count"),
            rows,
            lambda row: (
                *(*_key(row[0]), *(getattr(row[1], n) for n in names)),
                *(row[1].series, row[1].cells, row[1].counts),
            ),
        )

    def write_progress(self, partition: int, next_offset: int, event_ns: int) -> None:
        """Say how far a shard has come."""
        self._insert(
            "progress",
            ("room", "topic", "partition", "next_offset", "event_time"),
            [(self._room, self._topic, partition, next_offset, to_datetime(event_ns))],
            tuple,
        )

    def latest_snapshot(self, shard: int) -> Snapshot | None:
        """The one with the largest next offset."""
        try:
            rows = self._client.query(
                "SELECT epoch, next_offset, blob FROM snapshots WHERE room = {room:String} AND "
                "shard = {shard:UInt16} ORDER BY next_offset DESC, epoch DESC LIMIT 1",
                parameters={"room": self._room, "shard": shard},
                column_formats={"blob": "bytes"},
            ).result_rows
        except ClickHouseError as error:
            raise Unavailable(f"ClickHouse did not answer for a snapshot: {error}") from error
        return Snapshot(shard, int(rows[0][0]), int(rows[0][1]), bytes(rows[0][2])) if rows else None

    def take_refused(self) -> list[Output]:
        """Dead letters of the rows that were put aside since the last call."""
        refused, self._refused = self._refused, []
        return refused

    def _insert(
        self, table: str, names: Sequence[str], items: Iterable[T], row_of: Callable[[T], Sequence[Any]]
    ) -> None:
        """Insert a row of each item; those that can never be stored are put aside, the others are stored."""
        rows: list[Sequence[Any]] = []
        for item in items:
            try:
                rows.append(row_of(item))
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001 - no row can be made of it
                self._put_aside(table, repr(item)[:MOST_SHOWN], reason_of(error))
        for refused in insert_rows(self._client, table, names, rows):
            if table in NEEDED:
                raise Unavailable(f"ClickHouse refuses a row of {table}: {refused.reason}")
            self._put_aside(table, rows[refused.index], refused.reason)

    def _put_aside(self, table: str, row: object, reason: str) -> None:
        logger.error("a row of %s was put aside, which the store can never hold: %s", table, reason)
        self._refused.append(refused_row(self._room, table, row, reason))


def _cell_row(row: tuple[ServiceKey, CellRow, int]) -> Sequence[Any]:
    key, c, offset = row
    return (
        *_key(key),
        c.series.unit,
        c.series.score,
        c.generation,
        c.series.slice,
        datetime.fromtimestamp(c.start_s, UTC),
        c.part,
        c.n,
        c.total,
        c.cells,
        c.counts,
        c.categories,
        offset,
    )


def _key(key: ServiceKey) -> tuple[str, str, str, str]:
    return key.tenant, key.lineage, key.environment, key.service
