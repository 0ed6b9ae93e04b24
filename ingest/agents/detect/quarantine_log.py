"""What is told of services in quarantine: rows for the store, findings for people, and who ends it.

A finding of kind ``pipeline`` is sent when a service is set aside, again by every process that goes on with
it (it is the same finding, by its id), and once more, with its end, when the service is watched again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import quote

from detectors.finding import SEVERAL, Finding
from detectors.internal_finding import LIVE, internal_finding
from detectors.observation import Control, ServiceKey, encode
from infra.clock import NS_PER_S, to_datetime
from infra.fault import Fault
from infra.kafka import FINDINGS
from ingest.agents.detect.quarantine import RELEASE
from ingest.agents.detect.writer import QuarantineRow
from ingest.messages import Output

SCORE = "quarantine"
DETECTOR = "quarantine"
MOST_NAME = 120
LONG_AGO = timedelta(days=31)
"""The clock of a history that is read anew says nothing of when the fault began."""


class Quarantined(Protocol):
    """What every kind of entry says: see `ingest.agents.detect.quarantine.Quarantined`."""

    fault: Fault
    offset: int
    since_ns: int
    program: str
    state: bytes
    is_stored: bool


Entry = tuple[int, ServiceKey, Quarantined]
"""Shard, service and what is known of it."""
Known = tuple[int, ServiceKey, int]
"""Shard, service and offset: what an entry is known by."""


class QuarantineLog:
    """Remembers what was already told by this process.

    Parameters
    ----------
    room
        Whose log offsets are of.
    topic
        Where a control record that releases a service goes.
    program
        Version of the program; a service that another one set aside is released.
    """

    def __init__(self, room: str, topic: str, program: str) -> None:
        self._room, self._topic, self._program = room, topic, program
        self._stored: set[Known] = set()
        self._told: set[Known] = set()
        self._over: set[Known] = set()

    def loaded(self, entries: Iterable[Entry]) -> list[Output]:
        """Note entries of a snapshot, whose rows are stored; what releases those of another version."""
        found = list(entries)
        self._stored.update(map(_known, found))
        return [release(self._topic, key) for _, key, kept in found if kept.program != self._program]

    def rows(self, entries: Iterable[Entry], released: Iterable[Entry]) -> list[QuarantineRow]:
        """Rows to store, before anything is sent or a snapshot is written; see `stored`."""
        new = [_row(entry, released=False) for entry in entries if _known(entry) not in self._stored]
        return new + [_row(entry, released=True) for entry in released]

    def stored(self, entries: Iterable[Entry]) -> None:
        """These rows are in the store."""
        self._stored.update(map(_known, entries))

    def outputs(self, entries: Iterable[Entry], released: Iterable[Entry], now_ns: int) -> list[Output]:
        """What people are told."""
        new = [entry for entry in entries if _known(entry) not in self._told]
        over = [entry for entry in released if _known(entry) not in self._over]
        self._told.update(map(_known, new))
        self._over.update(map(_known, over))
        now = to_datetime(now_ns // NS_PER_S * NS_PER_S)
        found = [_finding(self._room, entry, now) for entry in new]
        found += [replace(_finding(self._room, entry, now), ended_at=now) for entry in over]
        return [_sent(finding) for finding in found]


def release(topic: str, key: ServiceKey) -> Output:
    """The control record that has a service watched again."""
    return Output(topic, key.text().encode(), encode(Control(key, RELEASE, 0)))


def conversations_begun_anew(shard: int, lineage: tuple[str, str], fault: Fault, now_ns: int) -> Output:
    """That conversations of a lineage were forgotten: a ticket, since they go on at once."""
    now = to_datetime(now_ns // NS_PER_S * NS_PER_S)
    name = f"{lineage[0]}/{lineage[1]}"[:MOST_NAME]
    return _sent(
        internal_finding(
            "conversations_begun_anew",
            str(shard),
            *lineage,
            *fault.state(),
            at=now,
            severity="ticket",
            detector=DETECTOR,
            note=f"open conversations of {name} were forgotten and begin anew: {fault}",
            slice_=f"lineage={quote(name, safe=' /')}",
        )
    )


def _known(entry: Entry) -> Known:
    shard, key, kept = entry
    return shard, key, kept.offset


def _row(entry: Entry, *, released: bool) -> QuarantineRow:
    shard, key, kept = entry
    state = b"" if released else kept.state
    error, place = kept.fault.error, kept.fault.place
    return QuarantineRow(shard, key, kept.offset, released, kept.since_ns, error, place, kept.program, state)


def _finding(room: str, entry: Entry, now: datetime) -> Finding:
    shard, key, kept = entry
    since = to_datetime(kept.since_ns // NS_PER_S * NS_PER_S)
    known = key.lineage == LIVE and now - LONG_AGO < since < now
    name = "/".join(part for part in (key.tenant, key.lineage, key.environment, key.service) if part)
    what = f"{name[:MOST_NAME]} is not watched, only counted"
    if key.service == SEVERAL:
        what = f"what services share ({name[:MOST_NAME]}) is not watched"
    return internal_finding(
        SCORE,
        room,
        str(shard),
        key.text(),
        str(kept.offset),
        at=now,
        onset=since if known else None,
        severity="page",
        detector=DETECTOR,
        note=f"{what}: detection failed with {kept.fault}, after log offset {kept.offset}; "
        "lightship quarantine list",
        slice_=f"service={quote(name[:MOST_NAME], safe=' /')}",
    )


def _sent(finding: Finding) -> Output:
    return Output(FINDINGS.name, finding.service.encode(), finding.to_json().encode())
