"""One shard of detection: a partition of the observation log, applied in order to its services' watchers.

Everything it does follows from the log alone, so reading it again from a snapshot gives the same cells,
findings and ids. Repeated observations (stage 1 ran again) are recognised by their source position; marks say
which positions can no longer come.

What a watcher raises concerns its service alone, which is set aside (`ingest.agents.detect.quarantine`); what
the conversations of a lineage raise, those conversations.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

from detectors.budgets.budget import tail_part
from detectors.closed_ticks import BEGINNING, Entry, SharedRow
from detectors.counts.closed_tick import Closed
from detectors.counts.series_rows import CellRow, SeriesState
from detectors.engine import snapshot as codec
from detectors.finding import Finding
from detectors.observation import Control, Mark, Observation, ServiceKey
from detectors.series.baseline_reference import Reference
from detectors.watch.watcher import ServiceWatcher
from detectors.watch_config import WatchConfig
from infra.clock import NS_PER_S, to_datetime
from infra.fault import Fault
from infra.kafka import SPANS
from ingest.agents.detect import set_aside_state
from ingest.agents.detect.applied import Applied
from ingest.agents.detect.chain import LogChain
from ingest.agents.detect.lineage_conversations import LineageConversations
from ingest.agents.detect.log_gap import LogGap
from ingest.agents.detect.quarantine import RELEASE, Quarantined, is_plain, pack_alone, set_aside
from ingest.agents.detect.resting import IdleLineages, LineageKey, packable, restored
from ingest.agents.detect.watermark import LineageClock
from ingest.agents.fault import OF_THE_WHOLE
from ingest.units.conversations import LIMITS, Limits

logger = logging.getLogger(__name__)

ANEW = "over: the service is watched anew"

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
    program
        Version of the program that reads the log.
    """

    def __init__(
        self,
        config: WatchConfig,
        partitions: int,
        lateness_ns: int,
        limits: Limits = LIMITS,
        program: str = "",
    ) -> None:
        self._program = program
        self._config = config
        self._partitions = partitions
        self._lateness_ns = lateness_ns
        self.next_offset: int | None = None
        self.event_ns = 0
        self.watchers: dict[ServiceKey, ServiceWatcher] = {}
        self.quarantine: dict[ServiceKey, Quarantined] = {}
        self.released: list[tuple[ServiceKey, Quarantined]] = []
        self._resting = IdleLineages()
        self._clocks: dict[LineageKey, LineageClock] = {}
        self._conversations = LineageConversations(config.specs, limits)
        self._sources: dict[_Source, Applied] = {}
        self.repeated = 0
        self.holes = 0
        self.gaps: list[LogGap] = []
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
        messages that nobody was told were kept. A hole of more than `LARGEST_HOLE` is lost data: it goes to
        `gaps`, and what is left is watched.
        """
        if self.next_offset is not None and offset > self.next_offset:
            missing = offset - self.next_offset
            if missing > LARGEST_HOLE:
                self.gaps.append(LogGap(self.next_offset - 1, offset))
            self.holes += missing
            logger.warning("the observation log has a hole of %d before offset %d", missing, offset)
        self.next_offset = offset + 1
        said = len(self.findings)
        if isinstance(message, Observation):
            self._observe(offset, message)
        elif isinstance(message, Mark):
            self._mark(offset, message)
        elif message.action == RELEASE:
            self._release(offset, message.key)
        elif message.key in self.quarantine:
            self.quarantine[message.key].control(message)
        elif not self._resting.hold(message):
            self._attempt(message.key, offset, lambda watcher, _: watcher.control(message))
        self._adopt_some(offset)
        self.findings[said:] = [(self._placed(f, at), at) for f, at in self.findings[said:]]
        if isinstance(message, Mark):
            self._rest_lineage((message.tenant, message.lineage), offset)

    def _adopt_some(self, offset: int) -> None:
        """Let one service take in a few of the series it adopts: no message waits for many."""
        key = min((k for k, w in self.watchers.items() if len(w.adoptions)), default=None)
        if key is not None:
            self._attempt(key, offset, lambda watcher, _: watcher.adopt_next())

    def _placed(self, finding: Finding, offset: int) -> Finding:
        """The finding with its place in the log; what it was compared with is kept."""
        key = ServiceKey(finding.tenant, finding.lineage, finding.environment or "", finding.service)
        found: list[Reference] = []
        if key in self.watchers:
            self._attempt(
                key,
                offset,
                lambda watcher, _: found.extend(
                    watcher.references(finding.unit, finding.score, finding.slice)
                ),
            )
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
        self._aggregate(o, offset)
        watermark_ns = self._clock(lineage).watermark_ns()
        self._conversations.add(lineage, o, watermark_ns)

    def _aggregate(self, o: Observation, offset: int) -> None:
        if o.key in self.quarantine:
            self.cells.extend((o.key, row, offset) for row in self.quarantine[o.key].observe(o, offset))
            return

        def take(watcher: ServiceWatcher, made: Closed) -> None:
            made.cells += watcher.observe(o, offset)
            made.findings += watcher.peek(offset)

        self._attempt(o.key, offset, take)

    def _attempt(
        self,
        key: ServiceKey,
        offset: int,
        work: Callable[[ServiceWatcher, Closed], None],
        next_tick: int = 0,
    ) -> Closed:
        """Let the watcher of a service work; if it raises, the service is set aside.

        What it made until then counts. ``next_tick`` is the first tick that takes rows from then on, where
        that is later than for the watcher.
        """
        made = Closed()
        watcher = self._watcher(key)
        try:
            work(watcher, made)
            for finding in made.findings:
                finding.to_json()
        except OF_THE_WHOLE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this service's alone
            self._set_aside(watcher, error, made, offset, next_tick)
        self.cells.extend((key, row, offset) for row in made.cells)
        self.findings.extend((finding, offset) for finding in made.findings)
        return made

    def _set_aside(
        self, watcher: ServiceWatcher, error: Exception, made: Closed, offset: int, next_tick: int = 0
    ) -> None:
        key = watcher.key
        made.findings = [f for f in made.findings if is_plain(f)]
        self.watchers.pop(key, None)
        self.quarantine[key] = set_aside(
            watcher,
            error,
            made,
            offset=offset,
            since_ns=self._clock((key.tenant, key.lineage)).watermark_ns(),
            program=self._program,
            next_tick=next_tick,
        )

    def _release(self, offset: int, key: ServiceKey) -> None:
        """Watch a service again that was set aside; what was open of it has ended, as far as one knows."""
        kept = self.quarantine.pop(key, None)
        if kept is None:
            return
        watcher = self.watchers[key] = kept.watched()
        ended = to_datetime(watcher.next_tick * self._config.tick_s * NS_PER_S)
        self.findings += [(replace(f, ended_at=ended, notes=(*f.notes, ANEW)), offset) for f in kept.open]
        self.released.append((key, kept))

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
        for ended in self._conversations.advance(lineage, now, offset, complete=clock.complete()):
            self._aggregate(ended, offset)
        shared: list[SharedRow] = []
        for key in sorted(self._of(lineage)):  # not as they came, which a snapshot forgets
            shared += self._advance(key, now, offset)
        until = self._config.tick_of(now)
        for key, kept in sorted(self._set_aside_of(lineage).items(), key=itemgetter(0)):
            cells, rows = kept.advance(until)
            self.cells.extend((key, row, offset) for row in cells)
            shared += rows
        if self._config.tick_of(now) > self._config.tick_of(before):
            self.closed.append(Entry(offset, self._told, *lineage, self._config.tick_of(now), tuple(shared)))
            self._told = offset

    def _of(self, lineage: LineageKey) -> dict[ServiceKey, ServiceWatcher]:
        return {k: w for k, w in self.watchers.items() if (k.tenant, k.lineage) == lineage}

    def _set_aside_of(self, lineage: LineageKey) -> dict[ServiceKey, Quarantined]:
        return {k: q for k, q in self.quarantine.items() if (k.tenant, k.lineage) == lineage}

    def _wake(self, lineage: LineageKey) -> None:
        """Go on with a lineage that had ended."""
        watchers, controls = self._resting.take(lineage, self._config, self._unreadable)
        self.watchers |= watchers
        for control in controls:
            if control.key in self.quarantine:
                self.quarantine[control.key].control(control)
            else:
                self._watcher(control.key).control(control)

    def _unreadable(self, key: ServiceKey, error: Exception) -> None:
        """The state of a service cannot be read: it is set aside with a watcher that knows nothing."""
        tick = self._config.tick_of(self._clock((key.tenant, key.lineage)).watermark_ns())
        self._set_aside(ServiceWatcher(key, self._config, tick), error, Closed(), (self.next_offset or 1) - 1)

    def _rest_lineage(self, lineage: LineageKey, offset: int) -> None:
        """Put a lineage to rest that has ended; `rested` is what was last known of its series."""
        if not self._of(lineage) or not self._clock(lineage).complete():
            return
        self._part_with_unpackable(lineage)
        rested = [(key, state, offset + 1) for key, state in self._states(self._of(lineage), offset)]
        watchers = self._of(lineage)
        self._resting.put(lineage, watchers)
        self.rested += rested
        for key in watchers:
            del self.watchers[key]

    def series_states(
        self, only: Container[ServiceKey] | None = None
    ) -> list[tuple[ServiceKey, SeriesState]]:
        """State of every series that is watched or learning, by service; of all services, or of some."""
        chosen = {k: w for k, w in self.watchers.items() if only is None or k in only}
        return self._states(chosen, (self.next_offset or 1) - 1)

    @property
    def conversation_faults(self) -> dict[LineageKey, Fault]:
        """Lineages whose conversations began anew, and why."""
        return self._conversations.faults

    def _states(
        self, watchers: dict[ServiceKey, ServiceWatcher], offset: int
    ) -> list[tuple[ServiceKey, SeriesState]]:
        found: list[tuple[ServiceKey, SeriesState]] = []
        for key in watchers:
            states: list[SeriesState] = []

            def tell(watcher: ServiceWatcher, _: Closed, states: list[SeriesState] = states) -> None:
                states.extend(watcher.series_states())

            self._attempt(key, offset, tell)
            found += [(key, state) for state in states]
        return found

    def _advance(self, key: ServiceKey, watermark_ns: int, offset: int) -> list[SharedRow]:
        until = self._config.tick_of(watermark_ns)

        def close(watcher: ServiceWatcher, made: Closed) -> None:
            watcher.advance(until, offset, made)
            others = [w for k, w in self._of((key.tenant, key.lineage)).items() if k != key]
            made.findings += watcher.pass_time(watermark_ns // (60 * NS_PER_S), offset, others)

        return self._attempt(key, offset, close, until).shared

    def _clock(self, lineage: LineageKey) -> LineageClock:
        if lineage not in self._clocks:
            tick_ns = self._config.tick_s * NS_PER_S
            self._clocks[lineage] = LineageClock(lineage[1], self._partitions, self._lateness_ns, tick_ns)
        return self._clocks[lineage]

    def counters(self) -> dict[str, float]:
        """What was counted of conversations since the first snapshot, by metric name."""
        return {
            **self._conversations.counters(),
            "lightship_detect_services_in_quarantine": float(len(self.quarantine)),
            "lightship_detect_messages_not_counted_total": float(
                sum(q.failed for q in self.quarantine.values())
            ),
        }

    def _watcher(self, key: ServiceKey) -> ServiceWatcher:
        if key not in self.watchers:
            lineage = (key.tenant, key.lineage)
            tick = self._config.tick_of(self._clock(lineage).watermark_ns())
            part = tail_part(len(self._of(lineage)) + 1)
            self.watchers[key] = ServiceWatcher(key, self._config.part(part), tick)
        return self.watchers[key]

    def pack(self) -> bytes:
        """The whole state as bytes; services whose state cannot be packed are set aside."""
        try:
            return self._packed()
        except OF_THE_WHOLE:
            raise
        except Exception:  # noqa: BLE001 - the second time it is a defect of the whole
            for lineage in sorted({(key.tenant, key.lineage) for key in self.watchers}):
                self._part_with_unpackable(lineage)
            self._conversations.part_with_unpackable()
            return self._packed()

    def _part_with_unpackable(self, lineage: LineageKey) -> None:
        offset = (self.next_offset or 1) - 1
        for key in self._of(lineage):
            self._attempt(key, offset, pack_alone)

    def agree(self, data: bytes) -> None:
        """Set aside what a snapshot of the same place has set aside; see `set_aside_state.agree`."""
        set_aside_state.agree(data, self.watchers, self.quarantine, self._read_aside)

    def _read_aside(self, key: ServiceKey, state: Sequence[Any]) -> Quarantined:
        return Quarantined.unpacked(key, self._config, state)

    def _packed(self) -> bytes:
        watched, arrays = packable(self.watchers)
        facts: dict[str, Any] = {
            **watched,
            "resting": self._resting.state(),
            "quarantine": [[key.text(), kept.packed()] for key, kept in sorted(self.quarantine.items())],
            "next_offset": self.next_offset,
            "event_ns": self.event_ns,
            "repeated": self.repeated,
            "told": self._told,
            "config": self._config.config_hash,
            "chain": [self.chain.head, self.chain.last, self.chain.since],
            "began": [[key.text(), offset] for key, offset in sorted(self._began.items())],
            "clocks": [[*k, c.state()] for k, c in sorted(self._clocks.items())],
            "conversations": self._conversations.state(),
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
        program: str = "",
    ) -> Shard:
        """Inverse of `pack`.

        Raises
        ------
        detectors.engine.snapshot.WrongSnapshot
            If the bytes are not readable.
        """
        facts, arrays = codec.unpack(data)
        shard = cls(config, partitions, lateness_ns, limits, program)
        shard.next_offset, shard.event_ns = facts["next_offset"], facts["event_ns"]
        shard.repeated = facts["repeated"]
        shard.chain = LogChain(*facts.get("chain", ()))  # the first snapshots of version 2 had neither
        began = facts.get("began", [[text, None] for text in facts["watchers"]])
        shard._began = {ServiceKey.parse(text): offset for text, offset in began}
        shard._told = facts.get("told", BEGINNING)  # version 2 told nothing
        for tenant, lineage, state in facts["clocks"]:
            shard._clock((tenant, lineage)).restore(state)
        shard._conversations.restore(facts.get("conversations", ()))  # version 1 had none
        shard._sources = {
            (tenant, lineage, topic, partition): Applied(below, {tuple(p) for p in above})
            for tenant, lineage, topic, partition, below, above in facts["sources"]
        }
        shard.quarantine.update(set_aside_state.entries(facts, shard._read_aside))
        shard.watchers = restored(facts, arrays, config, shard._unreadable)
        shard._resting.restore(facts.get("resting", ()))  # what had ended before stays as it is
        return shard
