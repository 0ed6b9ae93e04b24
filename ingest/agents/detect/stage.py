"""Stage 2: batches of the observation log to shards, and what comes of them to the store and the stream."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Mapping, Sequence

from detectors.counts.series_rows import SeriesState
from detectors.observation import ServiceKey, WrongFormat, decode
from detectors.watch_config import WatchConfig
from infra.clock import SystemClock
from infra.kafka import FINDINGS, OBSERVATIONS
from ingest.agents.detect.evidence import DETECT, keep
from ingest.agents.detect.log_row import event_ns, kind_and_owner
from ingest.agents.detect.quarantine_log import Entry, QuarantineLog, conversations_begun_anew
from ingest.agents.detect.refused_rows import unreadable_message
from ingest.agents.detect.reports import reports
from ingest.agents.detect.run_config import UNSTATED, RunConfig
from ingest.agents.detect.shard import Shard
from ingest.agents.detect.writer import DetectStore, LogRow, Snapshot
from ingest.messages import Output, RawMessage
from ingest.units.conversations import LIMITS, Limits

logger = logging.getLogger(__name__)


class DetectStage:
    """Batches of the observation log to stored cells and findings.

    ``process`` may be called again with the same batch after `Unavailable`: what was applied is skipped and
    what was not yet stored is stored. ``version`` is that of the program, ``now_ns`` the wall clock.
    """

    def __init__(
        self,
        store: DetectStore,
        config: WatchConfig,
        partitions: int,
        lateness_ns: int,
        limits: Limits = LIMITS,
        *,
        run: RunConfig = UNSTATED,
        version: str = "",
        now_ns: Callable[[], int] | None = None,
    ) -> None:
        self._store = store
        self._config = config
        self._run = run
        self._run_is_stored = run is UNSTATED
        self._make: Callable[[bytes], Shard] = lambda data: Shard.unpack(
            data, config, partitions, lateness_ns, limits, version
        )
        self._empty: Callable[[], Shard] = lambda: Shard(config, partitions, lateness_ns, limits, version)
        self._quarantine = QuarantineLog(DETECT, OBSERVATIONS.name, version)
        self._now_ns = now_ns or SystemClock().now_ns
        self._shards: dict[int, Shard] = {}
        self._epochs: dict[int, int] = {}
        self._log: list[LogRow] = []
        self._dead: list[Output] = []
        self._refused = 0
        self._known: set[ServiceKey] = set()

    def process(self, messages: Sequence[RawMessage]) -> list[Output]:
        """Apply a batch, store what came of it, and return the findings to send.

        Raises
        ------
        Unavailable
            If ClickHouse did not take something; call again.
        """
        for message in messages:
            shard = self._shard(message.partition)
            if shard.next_offset is not None and message.offset < shard.next_offset:
                continue
            self._apply(shard, message)
        shards = dict(self._shards)  # what is given away meanwhile is not in it any more
        if not self._run_is_stored:
            self._store.write_run_config(self._run)
            self._run_is_stored = True
        series = self._series(shards)  # before anything is stored: a service may be set aside
        for partition, shard in shards.items():
            keep(self._store, partition, shard.findings, shard.references, self._run)
        cells = [c for s in shards.values() for c in s.cells]
        self._store.write_cells(cells)
        findings = [f for s in shards.values() for f in s.findings]
        self._store.write_findings(findings)
        self._store.write_series(series)
        self._known.update(k for shard in shards.values() for k, w in shard.watchers.items() if w.begun)
        self._store_quarantine(shards)
        self._store.write_log(self._log)  # last: who finds a message there finds what came of it
        refused = self._store.take_refused()
        self._refused += len(refused)
        self._dead += refused
        outputs = self._dead + [
            Output(FINDINGS.name, f.service.encode(), f.to_json().encode(), 0) for f, _ in findings
        ]
        outputs += [o for p, s in sorted(shards.items()) for o in reports(p, s.closed)]
        outputs += self._told_of_quarantine(shards)
        now_ns = self._now_ns()
        outputs += [gap.to_output(p, now_ns) for p, s in sorted(shards.items()) for gap in s.gaps]
        self._log, self._dead = [], []
        for shard in shards.values():
            shard.cells, shard.findings, shard.references, shard.closed = [], [], [], []
            shard.rested, shard.released, shard.gaps = [], [], []
            shard.conversation_faults.clear()
        return outputs

    def _store_quarantine(self, shards: Mapping[int, Shard]) -> None:
        entries = _entries(shards)
        rows = self._quarantine.rows(entries, _released(shards))
        if rows:
            self._store.write_quarantine(rows)
            self._quarantine.stored(entries)

    def _told_of_quarantine(self, shards: Mapping[int, Shard]) -> list[Output]:
        now_ns = self._now_ns()
        anew = [
            conversations_begun_anew(partition, lineage, fault, now_ns)
            for partition, shard in shards.items()
            for lineage, fault in shard.conversation_faults.items()
        ]
        return anew + self._quarantine.outputs(_entries(shards), _released(shards), now_ns)

    def _apply(self, shard: Shard, raw: RawMessage) -> None:
        try:
            message = decode(raw.value)
        except WrongFormat as error:
            logger.warning("observation %d/%d is not readable: %s", raw.partition, raw.offset, error)
            self._dead.append(unreadable_message(raw, error))
            shard.next_offset = raw.offset + 1
            return
        shard.chain.add(raw.offset, raw.value)
        shard.apply(raw.offset, message)
        kind, key = kind_and_owner(message)
        digests = shard.chain.last, shard.chain.head, self._run.digest
        self._log.append(LogRow(raw.partition, raw.offset, key, kind, event_ns(message), raw.value, *digests))

    def _shard(self, partition: int) -> Shard:
        if partition not in self._shards:
            found = self._store.latest_snapshot(partition)
            self._shards[partition] = self._make(found.blob) if found else self._empty()
            self._shards[partition].partition = partition
            self._epochs[partition] = found.epoch + 1 if found else 1
            kept = self._shards[partition].quarantine if found else {}
            self._dead += self._quarantine.loaded(
                (partition, key, one) for key, one in kept.items() if one.is_stored
            )
        return self._shards[partition]

    def snapshot(self, partitions: Iterable[int] | None = None) -> dict[int, int]:
        """Write snapshots (of all shards by default); per partition the offset they reach.

        Raises
        ------
        Unavailable
            If ClickHouse did not take one.
        """
        chosen = {
            p: s
            for p, s in list(self._shards.items())
            if s.next_offset is not None and (partitions is None or p in set(partitions))
        }
        self._store.write_series([row for p, s in chosen.items() for row in self._states(s)])
        upto = {}
        for partition, shard in chosen.items():
            next_offset = shard.next_offset or 0
            packed = shard.pack()  # may set services aside
            self._store_quarantine({partition: shard})
            self._store.write_snapshot(Snapshot(partition, self._epochs[partition], next_offset, packed))
            self._store.write_progress(partition, next_offset, shard.event_ns)
            upto[partition] = next_offset
        return upto

    def heartbeat(self, partitions: Iterable[int]) -> None:
        """Say how far shards are although nothing came.

        Raises
        ------
        Unavailable
            If ClickHouse does not answer.
        """
        for partition in partitions:
            shard = self._shard(partition)
            self._store.write_progress(partition, shard.next_offset or 0, shard.event_ns)

    def _series(self, shards: Mapping[int, Shard]) -> list[tuple[ServiceKey, SeriesState, int]]:
        """States of series to be stored: all of them where something was stated, else those of newcomers.

        What a service may spend hangs on its being known.
        """
        rested = [row for shard in shards.values() for row in shard.rested]
        told = rested or any(shard.findings for shard in shards.values())
        if told:
            return [row for shard in shards.values() for row in self._states(shard)] + rested
        new = {k for s in shards.values() for k, w in s.watchers.items() if k not in self._known and w.begun}
        return [row for shard in shards.values() for row in self._states(shard, new)] if new else []

    @staticmethod
    def _states(
        shard: Shard, only: Container[ServiceKey] | None = None
    ) -> list[tuple[ServiceKey, SeriesState, int]]:
        upto = shard.next_offset or 0
        return [(key, state, upto) for key, state in shard.series_states(only)]

    def counters(self) -> dict[str, float]:
        """What its shards counted, by metric name."""
        out = {"lightship_detect_rows_refused_total": float(self._refused)}
        for shard in list(self._shards.values()):
            for name, value in shard.counters().items():
                out[name] = out.get(name, 0.0) + value
        return out

    def revoke(self, partitions: Iterable[int]) -> None:
        """Forget shards that went to another worker."""
        for partition in partitions:
            self._shards.pop(partition, None)
            self._epochs.pop(partition, None)


def _entries(shards: Mapping[int, Shard]) -> list[Entry]:
    return [(p, key, kept) for p, shard in shards.items() for key, kept in shard.quarantine.items()]


def _released(shards: Mapping[int, Shard]) -> list[Entry]:
    return [(p, key, kept) for p, shard in shards.items() for key, kept in shard.released]
