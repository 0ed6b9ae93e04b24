"""Proof that every record is accounted for: received = stored + duplicate + rejected + dead-lettered.

Three things are compared for every source partition: the offsets of the account are contiguous, the sums of
each message agree with the number its sender declared, and the rows that name a message as their source are
as many as the account says were stored. Unit: one span or log record that reached Kafka.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.clock import NS_PER_S
from ingest.errors import Unavailable
from ingest.store import Partition

COMPLETE_NS = 29 * 24 * 3600 * NS_PER_S
"""Content records live 30 days: the rows of older messages can't all be counted any more."""


@dataclass(frozen=True, slots=True)
class PartitionAccount:
    """What the account and the rows say of one source partition, from one message to another (both included).

    ``messages`` is how many offsets are accounted for; ``undeclared``, ``unequal`` and ``row_mismatches`` how
    many messages hold another number of records than declared, do not add up, or have other rows stored.
    """

    topic: str
    partition: int
    first: int
    last: int
    messages: int
    received: int
    stored: int
    duplicate: int
    rejected: int
    dead_lettered: int
    undeclared: int
    unequal: int
    row_mismatches: int

    def problems(self) -> list[str]:
        """What is wrong, in words; empty if it balances."""
        out = []
        missing = self.last - self.first + 1 - self.messages
        if missing:
            out.append(f"{missing} of the offsets {self.first} to {self.last} have no account")
        if self.undeclared:
            out.append(f"{self.undeclared} messages hold another number of records than declared")
        if self.unequal:
            out.append(f"{self.unequal} messages do not add up")
        if self.row_mismatches:
            out.append(
                f"{self.row_mismatches} messages have another number of rows stored than the account says"
            )
        return out


def report(
    accounts: Sequence[PartitionAccount],
    tenants: Sequence[Mapping[str, Any]],
    log_ends: Mapping[Partition, int] | None = None,
) -> dict[str, Any]:
    """The answer of ``lightship ledger --json``; ``log_ends`` are next offsets of the topics where known.

    ``pending`` (messages in Kafka that have no account yet) is ``None`` where the end is not known; it does
    not unbalance the account.
    """
    ends = dict(log_ends or {})
    partitions = []
    for a in sorted(accounts, key=lambda a: (a.topic, a.partition)):
        end = ends.pop((a.topic, a.partition), None)
        partitions.append(
            {
                "topic": a.topic,
                "partition": a.partition,
                "from": a.first,
                "to": a.last,
                "received": a.received,
                "stored": a.stored,
                "duplicate": a.duplicate,
                "rejected": a.rejected,
                "dead_lettered": a.dead_lettered,
                "pending": None if end is None else max(end - a.last - 1, 0),
                "problems": a.problems(),
            }
        )
    none = dict.fromkeys(("received", "stored", "duplicate", "rejected", "dead_lettered"), 0)
    for (topic, partition), end in sorted(ends.items()):
        where = {"topic": topic, "partition": partition, "from": None, "to": None}
        partitions.append({**where, **none, "pending": end, "problems": []})
    return {
        "balanced": not any(p["problems"] for p in partitions),
        "tenants": list(tenants),
        "partitions": partitions,
    }


_PARTITIONS = """
WITH
    starts AS
    (
        SELECT topic, partition, min(offset) AS first FROM ledger
        WHERE received_at >= fromUnixTimestamp64Nano(%(since)s, 'UTC') GROUP BY topic, partition
    ),
    sources AS
    (
        SELECT source_topic AS topic, source_partition AS partition, source_offset AS offset, count() AS n
        FROM
        (
            SELECT source_topic, source_partition, source_offset FROM interactions FINAL
            UNION ALL SELECT source_topic, source_partition, source_offset FROM context_spans FINAL
            UNION ALL SELECT source_topic, source_partition, source_offset FROM content_records FINAL
        )
        GROUP BY topic, partition, offset
    )
SELECT
    topic, partition, min(offset), max(offset), count(),
    sum(received), sum(stored), sum(duplicate), sum(rejected), sum(dead_lettered),
    countIf(received != declared),
    countIf(received != stored + duplicate + rejected + dead_lettered),
    countIf(stored != ifNull(sources.n, 0))
FROM (SELECT * FROM ledger FINAL) AS account
INNER JOIN starts USING (topic, partition)
LEFT JOIN sources USING (topic, partition, offset)
WHERE offset >= starts.first
GROUP BY topic, partition
"""

_TENANTS = """
SELECT
    tenant, sum(received), sum(stored), sum(duplicate), sum(rejected), sum(dead_lettered), sumMap(reasons)
FROM (SELECT * FROM ledger FINAL)
WHERE received_at >= fromUnixTimestamp64Nano(%(since)s, 'UTC') GROUP BY tenant ORDER BY tenant
"""


def read_accounts(client: Client, since_ns: int) -> tuple[list[PartitionAccount], list[dict[str, Any]]]:
    """Accounts of every source partition, and sums by tenant, of messages received since then.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    bound = {"since": max(since_ns, 0)}
    try:
        partitions = client.query(_PARTITIONS, parameters=bound).result_rows
        tenants = client.query(_TENANTS, parameters=bound).result_rows
    except ClickHouseError as error:
        raise Unavailable(f"ClickHouse did not answer for the ledger: {str(error)[:300]}") from error
    names = ("tenant", "received", "stored", "duplicate", "rejected", "dead_lettered", "reasons")
    return (
        [PartitionAccount(str(topic), *map(int, numbers)) for topic, *numbers in partitions],
        [dict(zip(names, row, strict=True)) for row in tenants],
    )


def next_offsets(accounts: Sequence[PartitionAccount]) -> dict[Partition, int]:
    """The next offset of every source partition that has an account."""
    return {(a.topic, a.partition): a.last + 1 for a in accounts}
