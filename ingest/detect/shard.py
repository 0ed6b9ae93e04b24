"""One shard of detection: a partition of the observation log, applied in order to its services' watchers.

Everything it does follows from the log alone, so reading it again from a snapshot gives the same cells,
findings and ids. Repeated observations (stage 1 ran again) are recognised by their source position; marks say
which positions can no longer come.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from detectors.closed_ticks import BEGINNING, Entry, SharedRow
from detectors.drift.baselines.reference import Reference
from detectors.drift.budgets.budget import tail_part
from detectors.drift.engine import snapshot as codec
from detectors.drift.service.series_rows import CellRow, SeriesState
from detectors.drift.service.watch_config import WatchConfig
from detectors.drift.service.watcher import ServiceWatcher
from detectors.finding import Finding
from detectors.observation import (
    Control,
    Mark,
    Observation,
    ServiceKey,
)
from detectors.scorers import score_conversations
from infra.clock import NS_PER_S
from infra.kafka import SPANS
from ingest.detect.applied import Applied
from ingest.detect.chain import LogChain
from ingest.detect.resting import LineageKey, Resting, packable, restored
from ingest.detect.watermark import LineageClock
from ingest.errors import Defect
from ingest.units.conversations import LIMITS, Conversations, Limits

logger = logging.getLogger(__name__)

LARGEST_HOLE = 1000
"""Messages; more than one batch of a producer holds."""

_Source = tuple[str, str, str, int]
"""Tenant, lineage, topic and partition."""


class Shard:
    """State of one partition of the observation log.

    Parameters
    ----------
    config
        What watchers need; the same for all.
    partitions
        Source partitions whose marks make the watermark.
    lateness_ns
        How long after the latest event time a tick stays open.
    limits
        Of conversations.
    """

    def __init__(
        self, config: WatchConfig, partitions: int, lateness_ns: int, limits: Limits = LIMITS
    ) -> None:
        self._config = config
        self._limits = limits
        self._partitions = partitions
        self._lateness_ns = lateness_ns
        self.next_offset: int | None = None
        self.event_ns = 0
        self.watchers: dict[ServiceKey, ServiceWatcher] = {}
        self._resting = Resting()
        self._clocks: dict[LineageKey, LineageClock] = {}
        self._conversations: dict[LineageKey, Conversations] = {}
        self._sources: dict[_Source, Applied] = {}
        self.repeated = 0
        self.holes = 0
        self.cells: list[tuple[ServiceKey, CellRow, int]] = []
        self.findings: list[tuple[Finding, int]] = []
        self.references: list[tuple[ServiceKey, Reference]] = []
        self.rested: list[tuple[ServiceKey, SeriesState, int]] = []
        self.partition: int | None = None
        self.chain = LogChain()
        self._began: dict[ServiceKey, int | None] = {}
        self.closed: list[Entry] = []
        self._told = BEGINNING

    def apply(self, offset: int, message: Observation | Mark | Control) -> None:
        """Apply one message; cells and findings collect in `cells` and `findings`.

        A log may have holes: a broker killed between numbering a batch and storing it skips the numbers of
        messages that nobody was told were kept. A hole larger than any batch is lost data.

        Raises
        ------
        Defect
            If ``offset`` leaves a gap of more than `LARGEST_HOLE` behind the last one.
        """
        if self.next_offset is not None and offset > self.next_offset:
            missing = offset - self.next_offset
            if missing > LARGEST_HOLE:
                raise Defect(
                    f"observation log jumps from {self.next_offset} to {offset}: messages are missing; "
                    "compare the topic's retention with the last snapshot"
                )
            self.holes += missing
            logger.warning("the observation log has a hole of %d before offset %d", missing, offset)
        self.next_offset = offset + 1
        said = len(self.findings)
        if isinstance(message, Observation):
            self._observe(offset, message)
        elif isinstance(message, Mark):
            self._mark(offset, message)
        elif not self._resting.hold(message):
            self._watcher(message.key).control(message)
        self.findings[said:] = [(self._placed(f, at), at) for f, at in self.findings[said:]]
        if isinstance(message, Mark):
            self._rest((message.tenant, message.lineage), offset)

    def _placed(self, finding: Finding, offset: int) -> Finding:
        """The finding with its place in the log; what it was compared with is kept."""
        key = ServiceKey(finding.tenant, finding.lineage, finding.environment or "", finding.service)
        if key in self.watchers:
            found = self.watchers[key].references(finding.unit, finding.score, finding.slice)
            self.references.extend((key, one) for one in found)
        return replace(
            finding,
            log_from=self._began.get(key),
            log_to=offset,
            log_partition=self.partition,
            log_digest=self.chain.head if self.chain.since is not None else None,
        )

    def _observe(self, offset: int, o: Observation) -> None:
        lineage = (o.key.tenant, o.key.lineage)
        applied = self._sources.setdefault((*lineage, o.source.topic, o.source.partition), Applied())
        place = (o.source.offset, o.key.text(), o.unit)
        if o.source.offset < applied.below or place in applied.above:
            self.repeated += 1
            return
        applied.above.add(place)
        self._wake(lineage)
        self._began.setdefault(o.key, offset)
        self._fold(o, offset)
        self._conversations_of(lineage).add(o, self._clock(lineage).watermark_ns())

    def _fold(self, o: Observation, offset: int) -> None:
        watcher = self._watcher(o.key)
        self.cells.extend((o.key, row, offset) for row in watcher.observe(o, offset))
        self.findings.extend((finding, offset) for finding in watcher.peek(offset))

    def _mark(self, offset: int, mark: Mark) -> None:
        lineage = (mark.tenant, mark.lineage)
        applied = self._sources.setdefault((*lineage, mark.topic, mark.partition), Applied())
        applied.mark(mark.next_offset)
        if mark.topic != SPANS.name:
            return
        clock = self._clock(lineage)
        before = clock.watermark_ns()
        clock.update(mark)
        now = clock.watermark_ns()
        self.event_ns = max(self.event_ns, mark.event_ns)
        if now == before:
            return
        self._wake(lineage)
        for ended in self._conversations_of(lineage).advance(now, offset, complete=clock.complete()):
            self._fold(ended, offset)
        shared: list[SharedRow] = []
        for key, watcher in self._of(lineage).items():
            shared += self._advance(key, watcher, now, offset)
        if self._config.tick_of(now) > self._config.tick_of(before):
            self.closed.append(Entry(offset, self._told, *lineage, self._config.tick_of(now), tuple(shared)))
            self._told = offset

    def _of(self, lineage: LineageKey) -> dict[ServiceKey, ServiceWatcher]:
        return {k: w for k, w in self.watchers.items() if (k.tenant, k.lineage) == lineage}

    def _wake(self, lineage: LineageKey) -> None:
        """Go on with a lineage that had ended."""
        watchers, controls = self._resting.take(lineage, self._config)
        self.watchers |= watchers
        for control in controls:
            self._watcher(control.key).control(control)

    def _rest(self, lineage: LineageKey, offset: int) -> None:
        """Put a lineage to rest that has ended; `rested` is what was last known of its series."""
        watchers = self._of(lineage)
        if not watchers or not self._clock(lineage).complete():
            return
        self._resting.put(lineage, watchers)
        for key, watcher in watchers.items():
            self.rested += [(key, state, offset + 1) for state in watcher.series_states()]
            del self.watchers[key]

    def _advance(
        self, key: ServiceKey, watcher: ServiceWatcher, watermark_ns: int, offset: int
    ) -> list[SharedRow]:
        closed = watcher.advance(self._config.tick_of(watermark_ns), offset)
        self.cells.extend((key, row, offset) for row in closed.cells)
        of_traffic = watcher.pass_time(watermark_ns // (60 * NS_PER_S), offset)
        self.findings.extend((finding, offset) for finding in (*closed.findings, *of_traffic))
        return closed.shared

    def _clock(self, lineage: LineageKey) -> LineageClock:
        if lineage not in self._clocks:
            tick_ns = self._config.tick_s * NS_PER_S
            self._clocks[lineage] = LineageClock(lineage[1], self._partitions, self._lateness_ns, tick_ns)
        return self._clocks[lineage]

    def _conversations_of(self, lineage: LineageKey) -> Conversations:
        if lineage not in self._conversations:
            made = Conversations(score_conversations, self._config.specs, self._limits)
            self._conversations[lineage] = made
        return self._conversations[lineage]

    def counters(self) -> dict[str, float]:
        """What was counted of conversations since the first snapshot, by metric name."""
        found = self._conversations.values()
        return {
            "lightship_detect_conversations_open": float(sum(c.open for c in found)),
            "lightship_detect_conversations_evicted_total": float(sum(c.evicted for c in found)),
            "lightship_detect_conversation_calls_late_total": float(sum(c.late for c in found)),
            "lightship_detect_conversation_calls_not_taken_total": float(sum(c.not_taken for c in found)),
        }

    def _watcher(self, key: ServiceKey) -> ServiceWatcher:
        if key not in self.watchers:
            lineage = (key.tenant, key.lineage)
            tick = self._config.tick_of(self._clock(lineage).watermark_ns())
            part = tail_part(len(self._of(lineage)) + 1)
            self.watchers[key] = ServiceWatcher(key, self._config.part(part), tick)
        return self.watchers[key]

    def pack(self) -> bytes:
        """The whole state as bytes."""
        watched, arrays = packable(self.watchers)
        facts: dict[str, Any] = {
            **watched,
            "resting": self._resting.state(),
            "next_offset": self.next_offset,
            "event_ns": self.event_ns,
            "repeated": self.repeated,
            "told": self._told,
            "config": self._config.config_hash,
            "chain": [self.chain.head, self.chain.last, self.chain.since],
            "began": [[key.text(), offset] for key, offset in sorted(self._began.items())],
            "clocks": [[*k, c.state()] for k, c in sorted(self._clocks.items())],
            "conversations": [[*k, c.state()] for k, c in sorted(self._conversations.items())],
            "sources": [[*k, a.below, sorted(a.above)] for k, a in sorted(self._sources.items())],
        }
        return codec.pack(facts, arrays)

    @classmethod
    def unpack(
        cls,
        data: bytes,
        config: WatchConfig,
        partitions: int,
        lateness_ns: int,
        limits: Limits = LIMITS,
    ) -> Shard:
        """Inverse of `pack`.

        Raises
        ------
        detectors.drift.engine.snapshot.WrongSnapshot
            If the bytes are not readable.
        """
        facts, arrays = codec.unpack(data)
        shard = cls(config, partitions, lateness_ns, limits)
        shard.next_offset, shard.event_ns = facts["next_offset"], facts["event_ns"]
        shard.repeated = facts["repeated"]
        shard.chain = LogChain(*facts.get("chain", ()))  # the first snapshots of version 2 had neither
        began = facts.get("began", [[text, None] for text in facts["watchers"]])
        shard._began = {ServiceKey.parse(text): offset for text, offset in began}
        shard._told = facts.get("told", BEGINNING)  # version 2 told nothing
        for tenant, lineage, state in facts["clocks"]:
            shard._clock((tenant, lineage)).restore(state)
        for tenant, lineage, state in facts.get("conversations", ()):  # version 1 had none
            shard._conversations_of((tenant, lineage)).restore(state)
        shard._sources = {
            (tenant, lineage, topic, partition): Applied(below, {tuple(p) for p in above})
            for tenant, lineage, topic, partition, below, above in facts["sources"]
        }
        shard.watchers = restored(facts, arrays, config)
        shard._resting.restore(facts.get("resting", ()))  # what had ended before stays as it is
        return shard
