"""Batches of the log of closed ticks to stored findings. `ingest.agents.detect.stage` feeds it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from detectors.closed_ticks import Report, decode
from detectors.observation import Control, ServiceKey, WrongFormat
from detectors.watch_config import WatchConfig
from infra.clock import SystemClock
from infra.kafka import FINDINGS, TICKS
from ingest.agents.detect.evidence import FLEET, keep
from ingest.agents.detect.quarantine_log import Entry, QuarantineLog
from ingest.agents.detect.refused_rows import unreadable_message
from ingest.agents.detect.run_config import UNSTATED, RunConfig
from ingest.agents.detect.writer import DetectStore, LogRow, Snapshot
from ingest.agents.fleet.shard import PARTITION, FleetShard
from ingest.messages import Output, RawMessage

logger = logging.getLogger(__name__)


class FleetStage:
    """Applies messages once, stores what came of them, and says what to send.

    ``process`` may be called again with the same batch after `Unavailable`. ``version`` is that of the
    program, ``now_ns`` the wall clock.
    """

    def __init__(
        self,
        store: DetectStore,
        config: WatchConfig,
        partitions: int,
        run: RunConfig = UNSTATED,
        *,
        version: str = "",
        now_ns: Callable[[], int] | None = None,
    ) -> None:
        self._store = store
        self._run = run
        self._run_is_stored = run is UNSTATED
        self._log: list[LogRow] = []
        self._config = config
        self._partitions = partitions
        self._version = version
        self._quarantine = QuarantineLog(FLEET, TICKS.name, version)
        self._now_ns = now_ns or SystemClock().now_ns
        self._shard: FleetShard | None = None
        self._epoch = 1
        self._dead: list[Output] = []
        self._refused = 0

    def process(self, messages: Sequence[RawMessage]) -> list[Output]:
        """Apply a batch, store what came of it, and return what to send.

        Raises
        ------
        Unavailable
            If ClickHouse did not take something; call again.
        """
        shard = self._loaded()
        for message in messages:
            if shard.next_offset is None or message.offset >= shard.next_offset:
                self._apply(shard, message)
        if not self._run_is_stored:
            self._store.write_run_config(self._run)
            self._run_is_stored = True
        keep(self._store, PARTITION, shard.findings, (), self._run, FLEET)
        self._store.write_findings(shard.findings)
        self._store_quarantine(shard)
        self._store.write_log(self._log)
        refused = self._store.take_refused()
        self._refused += len(refused)
        self._dead += refused
        outputs = self._dead + [
            Output(FINDINGS.name, f.service.encode(), f.to_json().encode(), 0) for f, _ in shard.findings
        ]
        now_ns = self._now_ns()
        outputs += [gap.to_output(now_ns) for gap in shard.gaps]
        outputs += self._quarantine.outputs(_aside(shard), _released(shard), now_ns)
        self._log, self._dead = [], []
        shard.findings, shard.released, shard.gaps = [], [], []
        return outputs

    def _store_quarantine(self, shard: FleetShard) -> None:
        entries = _aside(shard)
        rows = self._quarantine.rows(entries, _released(shard))
        if rows:
            self._store.write_quarantine(rows)
            self._quarantine.stored(entries)

    def _apply(self, shard: FleetShard, raw: RawMessage) -> None:
        try:
            message = decode(raw.value)
        except WrongFormat as error:
            logger.warning("closed ticks at %d are not readable: %s", raw.offset, error)
            self._dead.append(unreadable_message(raw, error))
            shard.next_offset = raw.offset + 1
            return
        shard.chain.add(raw.offset, raw.value)
        shard.apply(raw.offset, message)
        kind, owner = kind_and_owner(message)
        digests = shard.chain.last, shard.chain.head, self._run.digest
        self._log.append(LogRow(PARTITION, raw.offset, owner, kind, shard.event_ns, raw.value, *digests))

    def _loaded(self) -> FleetShard:
        if self._shard is None:
            found = self._store.latest_snapshot(PARTITION)
            self._shard = (
                FleetShard.unpack(found.blob, self._config, self._partitions, self._version)
                if found
                else FleetShard(self._config, self._partitions, self._version)
            )
            self._dead += self._quarantine.loaded(e for e in _aside(self._shard) if e[2].is_stored)
            self._epoch = found.epoch + 1 if found else 1
        return self._shard

    def snapshot(self) -> int | None:
        """Write a snapshot; the offset it reaches, ``None`` if there is nothing yet.

        Raises
        ------
        Unavailable
            If ClickHouse did not take it.
        """
        shard = self._shard
        if shard is None or shard.next_offset is None:
            return None
        packed = shard.pack()  # may set a fleet aside
        self._store_quarantine(shard)
        self._store.write_snapshot(Snapshot(PARTITION, self._epoch, shard.next_offset, packed))
        self._store.write_progress(PARTITION, shard.next_offset, shard.event_ns)
        return shard.next_offset

    def heartbeat(self) -> None:
        """Say how far the shard is although nothing came.

        Raises
        ------
        Unavailable
            If ClickHouse does not answer.
        """
        shard = self._loaded()
        self._store.write_progress(PARTITION, shard.next_offset or 0, shard.event_ns)

    def counters(self) -> dict[str, float]:
        """What the shard counted, by metric name."""
        counted = {} if self._shard is None else self._shard.counters()
        return counted | {"lightship_fleet_rows_refused_total": float(self._refused)}

    def revoke(self) -> None:
        """Forget the shard: another process goes on with it."""
        self._shard = None


def _aside(shard: FleetShard) -> list[Entry]:
    return [(PARTITION, key, kept) for key, kept in shard.quarantine.items()]


def _released(shard: FleetShard) -> list[Entry]:
    return [(PARTITION, key, kept) for key, kept in shard.released]


def kind_and_owner(message: Report | Control) -> tuple[str, ServiceKey]:
    """Kind of a message of the log, and whose it is; a report is of no service."""
    if isinstance(message, Control):
        return "control", message.key
    return "report", ServiceKey("", "", "", "")
