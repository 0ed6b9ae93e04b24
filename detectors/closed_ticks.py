"""What a shard of stage 2 tells the fleet shard: which ticks it has closed, and what they held.

A *report* comes from one partition of the observation log. Each entry names the log offset whose mark closed
its ticks, and the offset of the entry before it: a reader applies every offset once, whatever is repeated
after a crash, and notices when one is missing. Cuts into messages mean nothing. Budgets for the fleet shard
come as control records (`detectors.observation`) between the reports.

Layout: one version byte, one kind byte, then MessagePack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from detectors import observation
from detectors.observation import Control, WrongFormat

VERSION = 1
"""First byte of a report; the kind byte tells it from messages of the observation log, whose are 1 to 3."""
REPORT = 4
BEGINNING = -1
"""What stands before the first entry of a shard, or of one that had to begin anew."""


@dataclass(frozen=True, slots=True)
class SharedRow:
    """One tick of one series that services have in common: counts by cell of the score's grid."""

    environment: str
    service: str
    tick: int
    unit: str
    score: str
    slice: str
    cells: tuple[int, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """At ``offset`` of its log, a shard had closed every tick before ``until`` of a tenant's lineage."""

    offset: int
    before: int
    tenant: str
    lineage: str
    until: int
    rows: tuple[SharedRow, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Entries of one partition in the order of its log. ``before`` of the very first one is `BEGINNING`."""

    partition: int
    entries: tuple[Entry, ...]


def encode(report: Report) -> bytes:
    """Bytes of a report; equal ones give equal bytes."""
    entries = [
        [e.offset, e.before, e.tenant, e.lineage, e.until, [_plain(r) for r in e.rows]]
        for e in report.entries
    ]
    return bytes((VERSION, REPORT)) + bytes(msgpack.packb([report.partition, entries]))


def _plain(r: SharedRow) -> list[Any]:
    return [r.environment, r.service, r.tick, r.unit, r.score, r.slice, r.cells, r.counts]


def decode(data: bytes) -> Report | Control:
    """Read a message of the topic.

    Raises
    ------
    WrongFormat
        If it is neither of the two, or not of a readable version.
    """
    if len(data) < 3 or data[1] != REPORT:
        message = observation.decode(data)
        if not isinstance(message, Control):
            raise WrongFormat(f"a {type(message).__name__} does not belong into the log of closed ticks")
        return message
    if data[0] != VERSION:
        raise WrongFormat(f"report version {data[0]} is not readable, expected {VERSION}")
    try:
        partition, entries = msgpack.unpackb(data[2:], use_list=False)
        report = Report(partition, tuple(_entry(*e) for e in entries))
        _check(report)
    except (ValueError, TypeError, IndexError, msgpack.UnpackException) as error:
        raise WrongFormat(f"report is not readable: {error}") from error
    return report


def _entry(
    offset: int, before: int, tenant: str, lineage: str, until: int, rows: Sequence[Sequence[Any]]
) -> Entry:
    return Entry(offset, before, tenant, lineage, until, tuple(SharedRow(*r) for r in rows))


def _check(report: Report) -> None:
    numbers: list[Any] = [report.partition]
    texts: list[Any] = []
    for e in report.entries:
        numbers += (e.offset, e.before, e.until)
        texts += (e.tenant, e.lineage)
        for r in e.rows:
            if len(r.cells) != len(r.counts):
                raise WrongFormat(f"{len(r.cells)} cells with {len(r.counts)} counts")
            numbers += (r.tick, *r.cells, *r.counts)
            texts += (r.environment, r.service, r.unit, r.score, r.slice)
    _all(int, numbers)
    _all(str, texts)


def _all(type_: type, values: Sequence[Any]) -> None:
    if other := set(map(type, values)) - {type_}:
        raise WrongFormat(f"expected {type_.__name__}, found {', '.join(sorted(t.__name__ for t in other))}")
