"""How far each source partition of each lineage has come: the marks stage 1 writes into the observation log.

A clock belongs to one (source partition, tenant, lineage). It moves by event time when messages are
acknowledged, never before: a mark claims that every observation up to ``next_offset`` stands before it in
the log. A partition without data for `idle_ns` is marked idle, so that it does not hold the lineage's
watermark. The live lineage's clock is the wall's: an idle live partition goes on marking the time (that is
how silence is noticed). Any other lineage knows only its own time: an idle partition says again and again,
ever less often, that it has read all there is, and so follows the others at a distance
(`ingest.agents.detect.watermark`).

Nothing is idle while the stage is stalled (a store that does not answer): messages may wait behind it. Pure:
the caller says what time it is.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from detectors.observation import Mark, SourcePosition
from infra.clock import NS_PER_S

LIVE = "live"
FORGET_AFTER_NS = 24 * 3600 * NS_PER_S
"""A lineage other than live without data for this long is forgotten."""
SELDOM = 10
"""Idle times that pass at most between two marks of an idle partition."""

Partition = tuple[str, int]
Lineage = tuple[str, str]
"""Tenant and lineage."""


@dataclass(frozen=True, slots=True)
class Advance:
    """What one message does to its lineage's clock; ``lineage`` ``None`` moves no clock, only the offset.

    ``event_ns`` is the latest event time in it, 0 for none.
    """

    source: SourcePosition
    lineage: Lineage | None
    event_ns: int = 0
    ended: bool = False

    @property
    def partition(self) -> Partition:
        """Its source partition."""
        return self.source.topic, self.source.partition


@dataclass(slots=True)
class _Clock:
    """``idle_ns`` is when it was last marked idle, 0 since it has had data."""

    event_ns: int
    data_ns: int
    idle_ns: int = 0
    ended: bool = False


class ClockMarks:
    """The clocks of the source partitions this process owns.

    Parameters
    ----------
    idle_ns
        Wall time without data after which a partition is idle.
    """

    def __init__(self, idle_ns: int) -> None:
        if idle_ns <= 0:
            raise ValueError(f"idle_ns {idle_ns} must be positive")
        self._idle_ns = idle_ns
        self._clocks: dict[tuple[Partition, Lineage], _Clock] = {}
        self._next_offset: dict[Partition, int] = {}
        self._learned_offset: dict[Partition, int] = {}
        self._owned_since: dict[Partition, int] = {}
        self._known_since: dict[Lineage, int] = {}
        self._in_flight: dict[SourcePosition, int] = {}
        self._stalled_until = 0

    def begin(self, positions: Iterable[SourcePosition], now_ns: int) -> None:
        """These messages are being worked on; a repeated try keeps its first time."""
        for position in positions:
            self._in_flight.setdefault(position, now_ns)

    def marks_after(self, advances: Sequence[Advance]) -> list[Mark]:
        """Marks for the log once everything of these messages stands in it; changes nothing."""
        next_offset = dict(self._next_offset)
        events: dict[tuple[Partition, Lineage], tuple[int, bool]] = {}
        for a in advances:
            next_offset[a.partition] = max(next_offset.get(a.partition, 0), a.source.offset + 1)
            if a.lineage is None:
                continue
            key = (a.partition, a.lineage)
            clock = self._clocks.get(key)
            before, ended = events.get(key, (clock.event_ns if clock else 0, False))
            events[key] = max(before, a.event_ns), ended or a.ended
        return [
            Mark(*lineage, *partition, next_offset[partition], event_ns, ended=ended)
            for (partition, lineage), (event_ns, ended) in sorted(events.items())
        ]

    def acknowledge(self, advances: Iterable[Advance], now_ns: int) -> None:
        """Everything of these messages stands in the log and they are acknowledged."""
        for a in advances:
            begun_ns = self._in_flight.pop(a.source, now_ns)
            if now_ns - begun_ns > self._idle_ns // 2:
                self._stalled_until = now_ns
            p = a.partition
            self._owned_since.setdefault(p, now_ns)
            self._next_offset[p] = max(self._next_offset.get(p, 0), a.source.offset + 1)
            if a.lineage is None:
                continue
            self._known_since.setdefault(a.lineage, now_ns)
            clock = self._clocks.setdefault((p, a.lineage), _Clock(0, now_ns))
            clock.event_ns = max(clock.event_ns, a.event_ns)
            clock.data_ns, clock.idle_ns, clock.ended = now_ns, 0, a.ended

    def learn(self, lineages: Iterable[Lineage], next_offsets: Mapping[Partition, int], now_ns: int) -> None:
        """What another process, or this one before a restart, knew: lineages under way and how far it came.

        What was stored then may not all have been sent: such an offset is claimed only for a partition that
        turns out to have nothing left to read.
        """
        for lineage in lineages:
            self._known_since.setdefault(lineage, now_ns)
        self._learned_offset.update(next_offsets)

    def idle_marks(
        self, partitions: Iterable[Partition], now_ns: int, behind: Container[Partition] = ()
    ) -> list[Mark]:
        """Marks of owned partitions without data; ``behind`` are those known to have something to read."""
        owned = sorted(partitions)
        for p in owned:
            self._owned_since.setdefault(p, now_ns)
        if any(now_ns - begun_ns > self._idle_ns // 2 for begun_ns in self._in_flight.values()):
            return []
        busy = {(s.topic, s.partition) for s in self._in_flight}
        self._forget_old(now_ns)
        return [
            mark
            for p in owned
            if p not in busy and p not in behind
            for lineage in sorted(self._known_since)
            if (mark := self._idle_mark(p, lineage, now_ns)) is not None
        ]

    def _idle_mark(self, p: Partition, lineage: Lineage, now_ns: int) -> Mark | None:
        clock = self._clocks.get((p, lineage))
        since = clock.data_ns if clock else self._known_since[lineage]
        if now_ns - max(since, self._owned_since[p], self._stalled_until) < self._idle_ns:
            return None
        if clock is None:
            clock = self._clocks.setdefault((p, lineage), _Clock(0, since))
        if clock.ended:
            return None
        if lineage[1] == LIVE:
            clock.event_ns = max(clock.event_ns, now_ns)
        elif now_ns < self._again_ns(clock):
            return None
        clock.idle_ns = now_ns
        next_offset = self._next_offset.get(p, self._learned_offset.get(p, 0))
        return Mark(*lineage, *p, next_offset, clock.event_ns, idle=True)

    def _again_ns(self, clock: _Clock) -> int:
        """When a partition that was marked idle is to say so again: after as long as it has been idle."""
        if not clock.idle_ns:
            return 0
        been = clock.idle_ns - clock.data_ns
        return clock.idle_ns + min(max(been, self._idle_ns), SELDOM * self._idle_ns)

    def _forget_old(self, now_ns: int) -> None:
        """Drop lineages other than live whose last data here is long past."""
        latest = dict(self._known_since)
        for (_, lineage), clock in self._clocks.items():
            latest[lineage] = max(latest.get(lineage, 0), clock.data_ns)
        for lineage, at_ns in latest.items():
            if lineage[1] != LIVE and now_ns - at_ns > FORGET_AFTER_NS:
                self._known_since.pop(lineage, None)
                for key in [k for k in self._clocks if k[1] == lineage]:
                    del self._clocks[key]

    def forget(self, partitions: Container[Partition]) -> None:
        """These partitions went to another worker."""
        for by_partition in (self._next_offset, self._learned_offset, self._owned_since):
            for p in [p for p in by_partition if p in partitions]:
                del by_partition[p]
        for key in [k for k in self._clocks if k[0] in partitions]:
            del self._clocks[key]
        for position in [s for s in self._in_flight if (s.topic, s.partition) in partitions]:
            del self._in_flight[position]
