"""What verification reads: findings, evidence, log, snapshots, configurations and baselines, as stored.

What a table has lost is read from the copies that held incidents keep
(`ingest.operations.verify.legal_hold_copies`).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from detectors.observation import ServiceKey, SourcePosition
from infra.clock import to_ns
from ingest.agents.detect.evidence import DETECT, Evidence, KeptSnapshot
from ingest.agents.detect.run_config import RunConfig
from ingest.agents.detect.writer import LOGS
from ingest.errors import Unavailable
from ingest.operations.verify.legal_hold_copies import LegalHoldCopies, at
from ingest.operations.verify.links import LogRecord
from ingest.operations.verify.same import StoredFinding, StoredReference
from ingest.repository.interaction import StoredInteraction, from_row, position_text
from ingest.repository.tables import INTERACTIONS, Row

LONGEST = timedelta(days=1)
"""An interaction, and the minute of a policy hit, lie within."""

AT_ONCE = 20_000
"""Rows of the log read with one statement."""

_COLUMNS = (
    "tenant", "lineage", "environment", "service", "finding_id", "alert_kind", "status", "unit", "score",
    "slice", "severity", "made_at", "onset", "onset_low", "onset_high", "effect", "effect_low", "effect_high",
    "evidence",
)  # fmt: skip
"""Columns of ``findings`` that repeat keys of the body."""
_TIMES = frozenset({"made_at", "onset", "onset_low", "onset_high"})


class Archive:
    """Reads of one ClickHouse; raises ``Unavailable`` when it does not answer."""

    def __init__(
        self, client: Client, kept_months: int, room: str = DETECT, held: LegalHoldCopies | None = None
    ) -> None:
        self._client = client
        self._kept_months = kept_months
        self._room = room
        self._held = held or LegalHoldCopies(self._rows)

    def of_process(self, room: str) -> Archive:
        """The same, with the log and the snapshots of ``room``."""
        return Archive(self._client, self._kept_months, room, self._held)

    def legal_hold_copies(self) -> Counter[str]:
        """How many copies were read in place of rows of each table, since this was last asked."""
        return self._held.used()

    def findings(self, ids: Sequence[str]) -> dict[str, StoredFinding]:
        """Stored findings by id."""
        found = self._findings(ids)
        gone = [i for i in ids if i not in found]
        return found | (self._held_findings(gone) if gone else {})

    def _held_findings(self, ids: Sequence[str]) -> dict[str, StoredFinding]:
        return {
            str(row["finding_id"]): StoredFinding(
                row["body"],
                {c: at(row[c]) if c in _TIMES else row[c] for c in _COLUMNS},
                int(row["version"]),
                held=True,
            )
            for row in self._held.findings(ids)
        }

    def _findings(self, ids: Sequence[str]) -> dict[str, StoredFinding]:
        names = (*_COLUMNS, "body", "version")
        rows = self._rows(
            f"SELECT {', '.join(names)} FROM findings FINAL WHERE finding_id IN {{ids:Array(String)}}",  # noqa: S608
            {"ids": list(ids)},
        )
        made = (dict(zip(names, map(_aware, row), strict=True)) for row in rows)
        return {str(c["finding_id"]): StoredFinding(c.pop("body"), c, int(c.pop("version"))) for c in made}

    def of_incident(self, incident_id: str) -> list[str] | None:
        """Findings of an incident; ``None`` if there is no such incident."""
        rows = self._rows(
            "SELECT finding_ids FROM incidents FINAL WHERE incident_id = {id:String}", {"id": incident_id}
        )
        return [str(i) for i in rows[0][0]] if rows else None

    def of_lineage(self, lineage: str) -> list[str]:
        """Findings of a lineage."""
        rows = self._rows(
            "SELECT finding_id FROM findings FINAL WHERE lineage = {lineage:String} ORDER BY finding_id",
            {"lineage": lineage},
        )
        return [str(row[0]) for row in rows]

    def evidence(self, tenant: str, finding_id: str) -> list[Evidence]:
        """What the statements of a finding rest on, the first one first."""
        names = (
            "version",
            "partition",
            "chain",
            "config",
            "body_digest",
            "snapshot_offset",
            "snapshot_digest",
            "room",
        )
        rows = self._rows(
            f"SELECT {', '.join(names)} FROM evidence FINAL WHERE tenant = {{tenant:String}} "  # noqa: S608
            "AND finding_id = {id:String} ORDER BY version",
            {"tenant": tenant, "id": finding_id},
        )
        there = {int(row[0]) for row in rows}
        gone = [row for row in self._held.evidence(tenant, finding_id) if int(row["version"]) not in there]
        self._held.take("evidence", *((finding_id, row["version"]) for row in gone))
        rows = sorted([*rows, *([row[n] for n in names] for row in gone)], key=lambda row: int(row[0]))
        return [
            Evidence(
                *(tenant, finding_id, int(version), int(partition), str(chain), str(config)),
                None if at is None else KeptSnapshot(int(at), str(digest)),
                str(body),
                str(room),
            )
            for version, partition, chain, config, body, at, digest, room in rows
        ]

    def snapshot(self, shard: int, next_offset: int) -> tuple[str, bytes] | None:
        """Digest and bytes of a kept snapshot."""
        rows = self._rows(
            "SELECT digest, blob FROM kept_snapshots FINAL WHERE room = {room:String} "
            "AND shard = {shard:UInt16} AND next_offset = {at:UInt64}",
            {"room": self._room, "shard": shard, "at": next_offset},
            blob=True,
        )
        if rows:
            return str(rows[0][0]), bytes(rows[0][1])
        copy = self._held.snapshot(self._room, shard, next_offset)
        if copy is None:
            return None
        self._held.take("kept_snapshots", (self._room, shard, next_offset))
        return str(copy["digest"]), copy["blob"]

    def run_config(self, digest: str) -> RunConfig | None:
        """What stage 2 ran with."""
        rows = self._rows(
            "SELECT digest, config_hash, body FROM run_configs FINAL WHERE digest = {digest:String}",
            {"digest": digest},
        )
        return RunConfig(*map(str, rows[0])) if rows else None

    def references(self, key: ServiceKey, series: str, version: str) -> list[StoredReference]:
        """Baselines of a series."""
        given = {**_owner(key), "series_id": series, "version": version}
        names = ("version", "channel", "channel_version", "body", "cell", "count")
        rows = self._rows(
            f"SELECT {', '.join(names)} FROM baselines FINAL "  # noqa: S608
            "WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND service = {service:String} "
            "AND environment = {environment:String} AND series_id = {series_id:String} "
            "AND version = {version:String}",
            given,
        )
        there = {str(row[1]) for row in rows}
        gone = [row for row in self._held.references(given) if row["channel"] not in there]
        self._held.take("baselines", *((series, version, row["channel"]) for row in gone))
        rows = sorted([*rows, *([row[n] for n in names] for row in gone)], key=lambda row: str(row[1]))
        return [
            StoredReference(
                *(str(version), str(channel), str(own), str(body)),
                tuple(map(int, cells)),
                tuple(map(int, counts)),
            )
            for version, channel, own, body, cells, counts in rows
        ]

    def log_size(self, partition: int, upto: int) -> tuple[int, bool]:
        """How many rows there are up to an offset, and whether older ones may have expired.

        They may where the first is nearly as old as rows are kept, and where copies are all there is.
        """
        rows = self._rows(
            "SELECT uniqExact(offset), min(written_at) < now() - toIntervalMonth({months:UInt16}) "  # noqa: S608
            f"+ toIntervalDay(2) FROM {LOGS[self._room]} "
            "WHERE partition = {partition:UInt16} AND offset <= {upto:UInt64}",
            {"partition": partition, "upto": upto, "months": self._kept_months},
        )
        count, old = rows[0]
        return int(count), bool(old) if count else self._held.there()

    def log(self, partition: int, first: int, last: int) -> Iterator[LogRecord]:
        """Rows of the log with offsets ``first`` to ``last``, in order; one written twice comes twice.

        Of rows of one offset the one written last comes first: it is the one that counts. Copies stand where
        a row is gone.
        """
        copies = self._held.log(LOGS[self._room], partition, first, last)
        own = ((r.offset, 0, r) for r in self._log(partition, first, last))
        before: int | None = None
        for offset, copied, record in heapq.merge(
            own, ((r["offset"], 1, _copied(r)) for r in copies), key=lambda r: r[:2]
        ):
            if copied and offset == before:
                continue
            if copied:
                self._held.take(LOGS[self._room], (partition, offset))
            before = offset
            yield record

    def _log(self, partition: int, first: int, last: int) -> Iterator[LogRecord]:
        while first <= last:
            rows = self._rows(
                "SELECT offset, tenant, lineage, environment, service, kind, blob, digest, chain, config "  # noqa: S608
                f"FROM {LOGS[self._room]} "
                "WHERE partition = {partition:UInt16} AND offset BETWEEN {first:UInt64} AND {last:UInt64} "
                "ORDER BY offset, written_at DESC LIMIT {most:UInt32}",
                {"partition": partition, "first": first, "last": last, "most": AT_ONCE},
                blob=True,
            )
            for offset, tenant, lineage, environment, service, kind, blob, digest, chain, config in rows:
                key = ServiceKey(str(tenant), str(lineage), str(environment), str(service))
                texts = map(_text, (digest, chain, config))
                yield LogRecord(int(offset), key, str(kind), bytes(blob), *texts)
            if len(rows) < AT_ONCE:
                return
            first = int(rows[-1][0]) + 1

    def interaction(
        self, key: ServiceKey, until: datetime, trace_id: str, span_id: str
    ) -> StoredInteraction | None:
        """One stored interaction that ended before ``until``."""
        named = "trace_id = {trace:String} AND span_id = {span:String}"
        copies = self._held.interaction(_owner(key), trace_id, span_id)
        found = self._interactions(key, until, named, copies, trace=trace_id, span=span_id)
        return found[0] if found else None

    def observed_at(
        self, key: ServiceKey, until: datetime, position: SourcePosition, score: str
    ) -> list[StoredInteraction]:
        """Interactions of which a score was observed at a source position, or the span."""
        return self._interactions(
            key,
            until,
            "((source_topic = {topic:String} AND source_partition = {partition:UInt16} "
            "AND source_offset = {offset:UInt64}) OR late_scores[{score:String}] = {text:String})",
            self._held.observed_at(_owner(key), position, score),
            topic=position.topic,
            partition=position.partition,
            offset=position.offset,
            score=score,
            text=position_text(position),
        )

    def _interactions(
        self, key: ServiceKey, until: datetime, where: str, copies: Sequence[Row], **bound: object
    ) -> list[StoredInteraction]:
        """Those of a service that ended before ``until`` and took no longer than `LONGEST`, in order.

        ``copies`` are those that held incidents keep; they stand in for rows that are gone.
        """
        names = ", ".join(f"`{name}`" for name in INTERACTIONS.names)
        rows = self._rows(
            f"SELECT {names} FROM interactions FINAL WHERE tenant = {{tenant:String}} "  # noqa: S608
            "AND lineage = {lineage:String} AND service = {service:String} "
            "AND environment = {environment:String} AND start BETWEEN "
            "fromUnixTimestamp64Micro({first:Int64}, 'UTC') AND "
            "fromUnixTimestamp64Micro({last:Int64}, 'UTC') "
            f"AND {where}",
            {
                **_owner(key),
                **bound,
                "first": to_ns(until - LONGEST) // 1000,
                "last": to_ns(until) // 1000 + 1,
            },
            times_ns=True,
        )
        found = {r.key: r for r in map(from_row, rows)}
        first, last = to_ns(until - LONGEST), to_ns(until) + 1_000
        kept = (r for r in map(from_row, copies) if first <= r.interaction.start_ns <= last)
        gone = {r.key: r for r in kept if r.key not in found}
        self._held.take("interactions", *gone)
        return sorted((found | gone).values(), key=lambda r: (r.interaction.start_ns, r.key))

    def _rows(
        self, sql: str, bound: Mapping[str, Any], *, blob: bool = False, times_ns: bool = False
    ) -> Sequence[Sequence[Any]]:
        try:
            found = self._client.query(
                sql,
                parameters=dict(bound),
                column_formats={"blob": "bytes"} if blob else None,
                query_formats={"DateTime64": "int"} if times_ns else None,
            )
        except ClickHouseError as error:
            raise Unavailable(f"ClickHouse did not answer: {str(error)[:300]}") from error
        rows: Sequence[Sequence[Any]] = found.result_rows
        return rows


def _aware(value: Any) -> Any:
    """Times of columns in UTC come without a zone."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _owner(key: ServiceKey) -> dict[str, str]:
    return {name: getattr(key, name) for name in ("tenant", "lineage", "service", "environment")}


def _copied(row: Mapping[str, Any]) -> LogRecord:
    owner = (str(row[name]) for name in ("tenant", "lineage", "environment", "service"))
    told = (str(row[name]) for name in ("digest", "chain", "config"))
    return LogRecord(row["offset"], ServiceKey(*owner), str(row["kind"]), row["blob"], *told)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
