"""Which messages of the raw topics the account misses: not in it at all, or with fewer rows than it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.settings import KafkaSettings
from ingest.errors import Unavailable
from ingest.operations.ledger.command import compared
from ingest.operations.ledger.holes import Gap, without
from ingest.operations.ledger.read import read_holes, read_incomplete
from ingest.operations.ledger.topic_ends import log_begins, log_read
from ingest.repository.stage_store import Partition

_HERE = "source_topic = {topic:String} AND source_partition = {partition:UInt32}"
_TOLD_ELSEWHERE = f"""
SELECT DISTINCT source_offset FROM context_spans
WHERE {_HERE} AND (
  kind = 'duplicate' AND attributes['duplicate_of'] != ''
    AND (tenant, lineage, attributes['duplicate_of']) IN (
      SELECT tenant, lineage, concat(trace_id, ':', span_id) FROM interactions
      WHERE {_HERE} AND arrayExists(r -> source_offset BETWEEN r[1] AND r[2], {{ranges:Array(Array(UInt64))}})
    )
  OR (kind = 'agent' OR isNull(parent_span_id))
    AND (tenant, lineage, trace_id) IN (
      SELECT tenant, lineage, trace_id FROM interactions
      WHERE {_HERE} AND arrayExists(r -> source_offset BETWEEN r[1] AND r[2], {{ranges:Array(Array(UInt64))}})
    )
)
"""  # noqa: S608 -- constants of this module; the values are bound


@dataclass(frozen=True, slots=True)
class Unaccounted:
    """Ranges of offsets by partition, in order and disjoint.

    ``there`` are those from the topic's first message on, ``gone`` lie before it.
    """

    there: Mapping[Partition, tuple[Gap, ...]]
    gone: Mapping[Partition, tuple[Gap, ...]]


def unaccounted(
    client: Client, settings: KafkaSettings, since_ns: int, topic: str | None, partition: int | None
) -> Unaccounted:
    """What of the messages that workers acknowledged is not stored whole.

    ``topic`` and ``partition`` narrow it down. What is still to be worked on is no part of it.

    Raises
    ------
    Unavailable
        If a server does not answer.
    """
    read = {
        place: end
        for place, end in log_read(settings).items()
        if end and topic in (None, place[0]) and partition in (None, place[1])
    }
    accounts, _ = compared(client, settings, read, since_ns, recent=False)
    begins = log_begins(settings, read)
    incomplete = read_incomplete(client, since_ns)
    holes = read_holes(client)
    gaps = {a.place: list(a.gaps) for a in accounts}
    for place, end in read.items():
        if place not in gaps:  # nothing of it is in the account
            gaps[place] = without([(begins.get(place, 0), end - 1)], holes.get(place, ()))
    found = {p: united([*gaps[p], *incomplete.get(p, ())]) for p in read}
    cut = {p: split_at(ranges, begins.get(p, read[p])) for p, ranges in found.items()}
    return Unaccounted(
        there={p: there for p, (_, there) in cut.items() if there},
        gone={p: gone for p, (gone, _) in cut.items() if gone},
    )


def covered_elsewhere(client: Client, place: Partition, ranges: Sequence[Gap]) -> list[Gap]:
    """Messages that tell once more of calls that came with the messages of ``ranges``, as ranges in order.

    A provider's SDK and an instrumentation may both tell of a call, and the second alone hold its text; spans
    of agents and roots hold names of calls that came before them. What they added is lost with the row of
    the call; their messages add it again.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    bound = {"topic": place[0], "partition": place[1], "ranges": [list(r) for r in ranges]}
    try:
        rows = client.query(_TOLD_ELSEWHERE, parameters=bound).result_rows
    except ClickHouseError as error:
        raise Unavailable(f"ClickHouse did not answer for the ledger: {str(error)[:300]}") from error
    return united([(int(offset), int(offset)) for (offset,) in rows])


def united(ranges: list[Gap]) -> list[Gap]:
    """Ranges in order, those that touch or overlap as one.

    >>> united([(5, 6), (1, 2), (3, 3), (6, 9)])
    [(1, 3), (5, 9)]
    """
    out: list[Gap] = []
    for first, last in sorted(ranges):
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out


def split_at(ranges: list[Gap], begin: int) -> tuple[tuple[Gap, ...], tuple[Gap, ...]]:
    """The parts of ranges before an offset, and those from it on.

    >>> split_at([(1, 3), (5, 9)], 6)
    (((1, 3), (5, 5)), ((6, 9),))
    """
    before = tuple((a, min(b, begin - 1)) for a, b in ranges if a < begin)
    return before, tuple((max(a, begin), b) for a, b in ranges if b >= begin)
