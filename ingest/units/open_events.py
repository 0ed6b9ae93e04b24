"""Log records of whole calls that wait for their spans, in one source partition, and when that is over.

A record waits until the first message of its lineage in its partition that was received `wait_ns` after it.
So the end follows from the order of the log alone: reading it again, here or in another process, gives up the
same records at the same positions.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Protocol

from detectors.observation import SourcePosition
from infra.kafka import LOGS
from ingest.clock_marks import LIVE
from ingest.envelope import Envelope
from ingest.otlp.dialects.genai import DETAILS_EVENTS
from ingest.repository.content_record import ContentRecord
from ingest.repository.stage_store import Lineage, Partition, StageStore
from ingest.repository.tables import CONTENT_RECORDS, LEDGER

MAX_OPEN = 100_000
"""Records of a lineage in a partition that are kept in mind, about 500 bytes each; of more the oldest wait no
longer."""

STEP = 10_000
"""Messages that are looked at together after a restart, and `MAX_STEPS` times as many at most."""
MAX_STEPS = 10


class Message(Protocol):
    """A message of the batch."""

    @property
    def position(self) -> SourcePosition:
        """Where it stands."""

    @property
    def envelope(self) -> Envelope:
        """Whose it is, and when it was received."""

    @property
    def records(self) -> Sequence[ContentRecord]:
        """Its log records of calls."""


@dataclass(frozen=True, slots=True)
class OpenEvent:
    """A record that waits: where it stands, which span it names (empty: none), what it hashes to."""

    received_ns: int
    source: SourcePosition
    ordinal: int
    lineage: Lineage
    service: str
    trace_id: str
    span_id: str
    digest: str
    at_ns: int

    @property
    def order(self) -> tuple[int, int, int]:
        """First come, first given up."""
        return self.received_ns, self.source.offset, self.ordinal


def open_event(record: ContentRecord) -> OpenEvent:
    """A record as it waits."""
    v = record.view
    return OpenEvent(
        record.received_ns, record.source, record.ordinal, (record.tenant, record.lineage), record.service,
        v.trace_id or "", v.span_id or "", record.hash, v.time_ns,
    )  # fmt: skip


class OpenEvents:
    """Records of one source partition that wait, by lineage. Pure."""

    def __init__(self, wait_ns: int) -> None:
        self._wait_ns = wait_ns
        self._heaps: dict[Lineage, list[tuple[tuple[int, int, int], OpenEvent]]] = {}

    def waiting(self) -> list[tuple[Lineage, int]]:
        """Lineages with records that wait, and when the first of each is given up."""
        return sorted((name, heap[0][0][0] + self._wait_ns) for name, heap in self._heaps.items() if heap)

    def apply(
        self, lineage: Lineage, received_ns: int, events: Iterable[OpenEvent], *, ended: bool = False
    ) -> list[OpenEvent]:
        """Take one message: when it was received and its records; those given up with it. ``ended``: all."""
        heap = self._heaps.setdefault(lineage, [])
        for event in events:
            heappush(heap, (event.order, event))
        out: list[OpenEvent] = []
        while heap and (ended or len(heap) > MAX_OPEN or heap[0][0][0] + self._wait_ns <= received_ns):
            out.append(heappop(heap)[1])
        if not heap:
            del self._heaps[lineage]
        return out


@dataclass(slots=True)
class _Partition:
    """Records that wait in a source partition, and the offset before which all is applied."""

    events: OpenEvents
    upto: int


class WaitingEvents:
    """Which records each message gives up waiting for; what it remembers can be read again from the store.

    Safe for several threads, of which one calls `given_up`.

    Parameters
    ----------
    wait_ns
        How long a record waits for its span after it was received.
    """

    def __init__(self, store: StageStore, wait_ns: int) -> None:
        self._store = store
        self._wait_ns = wait_ns
        self._partitions: dict[Partition, _Partition] = {}
        self._decided: dict[SourcePosition, list[OpenEvent]] = {}
        self._lock = threading.Lock()

    def given_up(self, work: Message) -> list[OpenEvent]:
        """The records that are waited for no longer as of this message, in order of arrival.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        at, e = work.position, work.envelope
        if at.topic != LOGS.name:
            return []
        place = (at.topic, at.partition)
        with self._lock:
            decided, have = self._decided.get(at), self._partitions.get(place)
        if decided is not None:
            return decided
        if have is None or at.offset < have.upto:
            have = _Partition(restored(self._store, place, at.offset, self._wait_ns), at.offset)
        new = [open_event(r) for r in work.records if r.view.event in DETAILS_EVENTS]
        lineage = (e.tenant, e.lineage)
        decided = have.events.apply(lineage, e.received_ns, new, ended=e.ended)
        have.upto = at.offset + 1
        with self._lock:
            self._partitions[place] = have
            self._decided[at] = decided
        return decided

    def acknowledged(self, positions: Iterable[SourcePosition]) -> None:
        """These messages will not be asked for again by this process."""
        with self._lock:
            for position in positions:
                self._decided.pop(position, None)

    def forget(self, partitions: Container[Partition]) -> None:
        """These source partitions went to another worker."""
        with self._lock:
            for place in [p for p in self._partitions if p in partitions]:
                del self._partitions[place]
            for at in [a for a in self._decided if (a.topic, a.partition) in partitions]:
                del self._decided[at]

    def overdue(self, partitions: Container[Partition], now_ns: int) -> list[tuple[Partition, Lineage]]:
        """Live lineages with records that any message of theirs received by now would give up."""
        with self._lock:
            return [
                (place, lineage)
                for place, have in sorted(self._partitions.items())
                if place in partitions
                for lineage, at_ns in have.events.waiting()
                if lineage[1] == LIVE and at_ns <= now_ns
            ]


def restored(store: StageStore, place: Partition, before: int, wait_ns: int) -> OpenEvents:
    """What waits just before offset ``before``, from what is stored of the messages before it.

    Raises
    ------
    Unavailable
        If the store does not answer.
    """
    out = OpenEvents(wait_ns)
    messages = _messages(store, place, before, wait_ns)
    if not messages:
        return out
    events: dict[int, list[OpenEvent]] = {}
    for event in _events(store, place, messages[0][0], before):
        events.setdefault(event.source.offset, []).append(event)
    for offset, lineage, received_ns in messages:
        out.apply(lineage, received_ns, events.get(offset, ()))
    return out


def _messages(
    store: StageStore, place: Partition, before: int, wait_ns: int
) -> list[tuple[int, Lineage, int]]:
    """Offset, lineage and time of arrival of the messages before, oldest first, back past the wait."""
    found: list[tuple[int, Lineage, int]] = []
    end = before
    for _ in range(MAX_STEPS):
        begin = max(end - STEP, 0)
        rows = store.between(LEDGER, place, begin, end, ("offset", "tenant", "lineage", "received_at"))
        found += [(int(at), (str(t), str(n)), int(received)) for at, t, n, received in rows]
        times = [received for *_, received in found]
        if begin <= 0 or not rows or min(times) < max(times) - wait_ns:
            break
        end = begin
    return sorted(found)


_COLUMNS = (
    "received_at", "source_offset", "ordinal", "tenant", "lineage", "service", "trace_id", "span_id",
    "record_hash", "at", "event_name",
)  # fmt: skip


def _events(store: StageStore, place: Partition, begin: int, end: int) -> Sequence[OpenEvent]:
    """The records that are stored from a range of offsets, each once."""
    found: dict[tuple[int, int], OpenEvent] = {}
    for row in store.between(CONTENT_RECORDS, place, begin, end, _COLUMNS):
        received, offset, ordinal, tenant, lineage, service, trace_id, span_id, digest, at, event = row
        if event in DETAILS_EVENTS:
            found[int(offset), int(ordinal)] = OpenEvent(
                int(received), SourcePosition(*place, int(offset)), int(ordinal), (str(tenant), str(lineage)),
                str(service), trace_id, span_id, digest, int(at),
            )  # fmt: skip
    return list(found.values())
