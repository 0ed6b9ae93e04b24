"""What the store says for the ledger: sums, gaps, and messages whose rows are not those of their account."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.clock import NS_PER_S
from infra.kafka import LOGS
from ingest.agents.score.account import EVENT_CALLS
from ingest.errors import Unavailable
from ingest.operations.ledger.holes import Gap
from ingest.operations.ledger.proof import SUMS, PartitionAccount
from ingest.repository.stage_store import Partition

logger = logging.getLogger(__name__)

COMPLETE_NS = 29 * 24 * 3600 * NS_PER_S
"""Content records live 30 days: the rows of older messages can't all be counted any more."""

SOURCE_TABLES = {
    "interactions": "",
    "context_spans": "",
    "content_records": "",
    "judgements": f" AND source_topic = '{LOGS.name}'",
}
"""Tables whose rows name the message they came from and count as stored, and which of them do: a judgement
that a span carries is no record of its own."""

MAX_GAPS = 1000
"""Gaps a partition is asked for; more of them are one finding all the same."""

_FINAL = {"do_not_merge_across_partitions_select_final": 1}
"""Rows that replace each other lie in one partition: what is merged already need not be merged again."""

_NEAR = {"use_skip_indexes_if_final_exact_mode": 0}
"""Rows that replace each other were received together: what lies outside the time asked for need not be read.

Not so only where two messages hold one record and both claim to store it; the whole account finds that.
"""

_BEGINS = "SELECT topic, partition, min(offset) FROM ledger GROUP BY topic, partition"

_SINCE = "received_at >= fromUnixTimestamp64Nano(%(since)s, 'UTC')"

_SUMS = f"""
SELECT
    topic, partition, min(offset), max(offset), count(),
    sum(received), sum(stored), sum(duplicate), sum(rejected), sum(dead_lettered),
    countIf(received != declared),
    countIf(received != stored + duplicate + rejected + dead_lettered)
FROM ledger FINAL
WHERE {_SINCE}
GROUP BY topic, partition
"""  # noqa: S608 - of our own pieces alone

_SOURCES = "".join(
    " UNION ALL SELECT source_topic, source_partition, source_offset, toInt64(-1), toUInt8(0) "  # noqa: S608
    f"FROM {table} FINAL WHERE {_SINCE}{which}"
    for table, which in SOURCE_TABLES.items()
)

_COUNTED = f"""
(
    SELECT topic, partition, offset, sum(rows) AS left, max(account) AS accounted
    FROM
    (
        SELECT
            topic, partition, offset,
            toInt64(stored) + reasons['{EVENT_CALLS}'] AS rows, toUInt8(1) AS account
        FROM ledger FINAL WHERE {_SINCE}{_SOURCES}
    )
    GROUP BY topic, partition, offset
)
"""  # noqa: S608

MISMATCHES = f"""
SELECT topic, partition, countIf(accounted AND left != 0) FROM {_COUNTED} GROUP BY topic, partition
"""  # noqa: S608
"""Rows of a message were all received with it, so one time bounds both sides.

The ledger is read first: its row is written last, so what it accounts for is there to be counted, and a
message that is being worked on is not judged.
"""

_MISMATCHED = f"""
SELECT topic, partition, offset FROM {_COUNTED} WHERE accounted AND left > 0 ORDER BY topic, partition, offset
"""  # noqa: S608
"""Messages of which fewer rows are stored than the account says."""

_GAPS = """
SELECT before + 1, offset - 1
FROM
(
    SELECT offset, lagInFrame(offset, 1, offset) OVER
        (ORDER BY offset ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
    FROM ledger WHERE topic = %(topic)s AND partition = %(partition)s AND offset >= %(first)s
)
WHERE offset > before + 1
ORDER BY offset
LIMIT %(limit)s
"""

_HOLES = "SELECT topic, partition, first, last FROM ledger_holes FINAL ORDER BY topic, partition, first"

_TENANTS = f"""
SELECT
    tenant, sum(received), sum(stored), sum(duplicate), sum(rejected), sum(dead_lettered), sumMap(reasons)
FROM ledger FINAL
WHERE {_SINCE}
GROUP BY tenant
ORDER BY tenant
"""  # noqa: S608

_UNMET = f"""
SELECT tenant, count()
FROM judgements FINAL
WHERE {_SINCE} AND judged_span_id = '' AND received_at < now() - INTERVAL 10 MINUTE
GROUP BY tenant
"""  # noqa: S608
"""Judgements that are stored, and whose interaction has not come for so long that it may never."""


def read_accounts(
    client: Client, since_ns: int, *, recent: bool = False
) -> tuple[list[PartitionAccount], list[dict[str, Any]]]:
    """Accounts of every source partition, and sums by tenant, of messages received since then.

    ``recent`` says that this is a small part of all: only what was received then is read.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    bound = {"since": max(since_ns, 0)}
    near = {name: value for name, value in _NEAR.items() if recent and name in client.server_settings}
    try:
        sums = client.query(_SUMS, parameters=bound).result_rows
        begins = _by_place(client.query(_BEGINS).result_rows)
        wrong = _by_place(client.query(MISMATCHES, parameters=bound, settings=_FINAL | near).result_rows)
        accounts = [_account(client, row, begins, wrong) for row in sums]
        tenants = client.query(_TENANTS, parameters=bound).result_rows
        unmet = {str(tenant): int(n) for tenant, n in client.query(_UNMET, parameters=bound).result_rows}
    except ClickHouseError as error:
        raise Unavailable(f"ClickHouse did not answer for the ledger: {str(error)[:300]}") from error
    names = ("tenant", *SUMS, "reasons")
    return accounts, [
        {**dict(zip(names, row, strict=True)), "judgement_without_interaction": unmet.get(row[0], 0)}
        for row in tenants
    ]


def _account(
    client: Client, row: Sequence[Any], begins: Mapping[Partition, int], wrong: Mapping[Partition, int]
) -> PartitionAccount:
    place = (str(row[0]), int(row[1]))
    first, last, n, received, stored, duplicate, rejected, dead, undeclared, unequal = map(int, row[2:])
    return PartitionAccount(
        *place,
        first=first,
        last=last,
        received=received,
        stored=stored,
        duplicate=duplicate,
        rejected=rejected,
        dead_lettered=dead,
        undeclared=undeclared,
        unequal=unequal,
        row_mismatches=wrong.get(place, 0),
        begins=begins[place],
        gaps=_gaps(client, place, first) if last - first + 1 > n else (),
    )


def _by_place(rows: Sequence[Sequence[Any]]) -> dict[Partition, int]:
    return {(str(topic), int(partition)): int(n) for topic, partition, n in rows}


def _gaps(client: Client, place: Partition, first: int) -> tuple[Gap, ...]:
    """Ranges of offsets from ``first`` on that have no account."""
    bound = {"topic": place[0], "partition": place[1], "first": first, "limit": MAX_GAPS}
    return tuple((int(a), int(b)) for a, b in client.query(_GAPS, parameters=bound).result_rows)


def read_holes(client: Client) -> dict[Partition, list[Gap]]:
    """Holes that were proven before, in order: the topic may hold what is around them no longer.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    found: dict[Partition, list[Gap]] = {}
    try:
        rows = client.query(_HOLES).result_rows
    except ClickHouseError as error:
        raise Unavailable(f"ClickHouse did not answer for the ledger: {str(error)[:300]}") from error
    for topic, partition, first, last in rows:
        found.setdefault((str(topic), int(partition)), []).append((int(first), int(last)))
    return found


def read_incomplete(client: Client, since_ns: int) -> dict[Partition, list[Gap]]:
    """Messages received since then of which rows are missing, as ranges of offsets in order.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    found: dict[Partition, list[Gap]] = {}
    try:
        bound = {"since": max(since_ns, 0)}
        rows = client.query(_MISMATCHED, parameters=bound, settings=_FINAL).result_rows
    except ClickHouseError as error:
        raise Unavailable(f"ClickHouse did not answer for the ledger: {str(error)[:300]}") from error
    for topic, partition, offset in rows:
        ranges = found.setdefault((str(topic), int(partition)), [])
        if ranges and ranges[-1][1] == offset - 1:
            ranges[-1] = (ranges[-1][0], int(offset))
        else:
            ranges.append((int(offset), int(offset)))
    return found


def remember_holes(client: Client, holes: Mapping[Partition, Sequence[Gap]]) -> None:
    """Keep newly proven holes; who may only read proves them again."""
    rows = [[*place, *gap] for place, gaps in sorted(holes.items()) for gap in gaps]
    if not rows:
        return
    try:
        client.insert("ledger_holes", rows, ["topic", "partition", "first", "last"])
    except ClickHouseError as error:
        logger.warning("proven holes could not be kept: %s", str(error)[:300])
