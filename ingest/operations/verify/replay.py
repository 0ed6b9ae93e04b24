"""Stage 2 over stored messages: its own code, with what it ran with then. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from detectors.finding import Finding
from detectors.observation import ServiceKey
from detectors.series.baseline_reference import Reference
from ingest.agents.detect.run_config import RunConfig
from ingest.agents.detect.shard import Shard
from ingest.operations.verify.links import LogRecord
from ingest.operations.verify.logs import AnyMessage, AnyShard, Log

Runs = Callable[[str], RunConfig]
"""What stage 2 ran with, by digest."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A finding as computed again, and what its series was compared with."""

    finding: Finding
    references: tuple[Reference, ...]


@dataclass(slots=True)
class Replay:
    """A shard that applies stored messages, from nothing or from a snapshot.

    ``statements`` are what it stated, by id and offset. Where the configuration changes between two messages
    the worker was started again, from its snapshot: so is the shard.
    """

    log: Log
    partition: int
    runs: Runs
    shard: AnyShard | None = None
    config: str | None = None
    statements: dict[tuple[str, int], Statement] = field(default_factory=dict)

    @classmethod
    def of_snapshot(cls, log: Log, partition: int, blob: bytes, config: str, runs: Runs) -> Replay:
        """From the state in ``blob``, going on under ``config``.

        Raises
        ------
        detectors.engine.snapshot.WrongSnapshot
            If the bytes are not readable.
        ValueError
            If the configuration is not.
        """
        replay = cls(log, partition, runs)
        replay._start(blob, config)
        return replay

    def _start(self, blob: bytes | None, config: str) -> None:
        self.shard, self.config = self._made(blob, config), config

    def _made(self, blob: bytes | None, config: str) -> AnyShard:
        return self.log.make(self.runs(config), self.partition, blob)

    def as_of_today(self, blob: bytes) -> bytes:
        """A snapshot as this version writes it: an older one may lack what came since.

        Raises
        ------
        detectors.engine.snapshot.WrongSnapshot
            If the bytes are not readable.
        """
        assert self.config is not None  # noqa: S101 - asked when messages have been applied
        return self._made(blob, self.config).pack()

    def apply(self, record: LogRecord, message: AnyMessage) -> None:
        """The next message."""
        if self.shard is None or self.config != record.config:
            self._start(None if self.shard is None else self.shard.pack(), record.config)
        shard = self.shard
        assert shard is not None  # noqa: S101 - made above
        shard.chain.add(record.offset, record.blob)
        self.log.apply(shard, record.offset, message)
        references = shard.references if isinstance(shard, Shard) else []
        for finding, offset in shard.findings:
            self.statements[finding.finding_id, offset] = Statement(
                finding, tuple(r for key, r in references if _same_series(key, r, finding))
            )
        shard.findings = []
        if isinstance(shard, Shard):
            shard.cells, shard.references, shard.closed = [], [], []


def _same_series(key: ServiceKey, reference: Reference, finding: Finding) -> bool:
    mine = (reference.unit, reference.score, reference.slice)
    return key.service == finding.service and mine == (finding.unit, finding.score, finding.slice)
