"""Findings of one partition of the log computed again and compared with what is stored. Pure.

The log is followed from its beginning where it is whole and not too long, else from the snapshot kept with
the earliest of the findings. A snapshot is evidence like any other: its bytes must have the digest that was
stored with the finding, its chain must go on in the log, and where the log is followed past it, the state
computed again must be the same to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from detectors.engine.snapshot import WrongSnapshot
from detectors.finding import Finding
from detectors.observation import ServiceKey
from detectors.series.report import DETECTOR
from ingest.agents.detect.chain import digest_of
from ingest.agents.detect.evidence import Evidence, KeptSnapshot
from ingest.agents.detect.run_config import RunConfig
from ingest.agents.detect.shard import Shard
from ingest.operations.verify.difference import Difference
from ingest.operations.verify.links import Broken, Links, LogRecord, place
from ingest.operations.verify.logs import Log
from ingest.operations.verify.path import Path, Statistic
from ingest.operations.verify.replay import Replay
from ingest.operations.verify.same import StoredFinding, StoredReference, differs, snapshot_differs
from ingest.operations.verify.stored_config import WrongConfig, trusted

QUICK = 2_000
"""Messages that are followed from the beginning of the log; with more, a snapshot is taken."""


class Records(Protocol):
    """What is stored of detection."""

    def log(self, partition: int, first: int, last: int) -> Iterator[LogRecord]:
        """Rows of the log, in order."""

    def log_size(self, partition: int, upto: int) -> tuple[int, bool]:
        """How many rows there are up to an offset, and whether older ones may have expired."""

    def snapshot(self, shard: int, next_offset: int) -> tuple[str, bytes] | None:
        """Digest and bytes of a kept snapshot."""

    def run_config(self, digest: str) -> RunConfig | None:
        """What stage 2 ran with."""

    def references(self, key: ServiceKey, series: str, version: str) -> Sequence[StoredReference]:
        """Baselines of a series."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A stored finding that says it follows from the log; ``evidence`` is that of all its statements."""

    stored: StoredFinding
    finding: Finding
    evidence: tuple[Evidence, ...]

    @property
    def key(self) -> ServiceKey:
        """Whose it is."""
        f = self.finding
        return ServiceKey(f.tenant, f.lineage, f.environment or "", f.service)

    @property
    def last(self) -> Evidence:
        """What the statement that is stored rests on."""
        return self.evidence[-1]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one stored finding; without a difference it holds.

    ``finding`` is what is stored, ``None`` where that is no finding. ``held`` counts, by table, the copies of
    held incidents that stood in for rows that are gone, for it or on its partition of the log.
    """

    finding_id: str
    finding: Finding | None
    difference: Difference | None
    path: Path | None = None
    held: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Check:
    """Follows one partition of the log and judges each claim where it was made.

    ``whole`` asks for the beginning of the log, however long it is; without, ``quick`` messages at most are
    followed from there. ``explained`` turns the place where the log is broken into words that say more.
    """

    log: Log
    records: Records
    partition: int
    claims: Sequence[Claim]
    whole: bool = False
    explained: Callable[[Broken], Difference] = lambda broken: broken.difference
    quick: int = QUICK
    verdicts: dict[str, Verdict] = field(default_factory=dict, init=False)
    _first: int | None = field(default=None, init=False)
    _applied: int = field(default=0, init=False)
    _start: KeptSnapshot | None = field(default=None, init=False)
    _statistics: dict[str, Statistic] = field(default_factory=dict, init=False)
    _snapshots: dict[int, str] = field(default_factory=dict, init=False)

    def run(self) -> list[Verdict]:
        """A verdict for every claim, in their order.

        Raises
        ------
        Unavailable
            If a record cannot be read.
        """
        try:
            self._follow()
        except Broken as broken:
            self._rest(self.explained(broken))
        except (WrongConfig, WrongState) as wrong:
            self._rest(wrong.difference)
        return [self.verdicts[c.finding.finding_id] for c in self.claims]

    def _rest(self, difference: Difference) -> None:
        """All claims that are not judged yet fail for the same reason."""
        for claim in self.claims:
            finding = claim.finding
            verdict = Verdict(finding.finding_id, finding, difference, self._path(claim))
            self.verdicts.setdefault(finding.finding_id, verdict)

    def _follow(self) -> None:
        last = max(c.last.version for c in self.claims)
        self._snapshots = {
            e.snapshot.next_offset: e.snapshot.digest for c in self.claims for e in c.evidence if e.snapshot
        }
        replay, links = self._begin(last)
        due = sorted(self.claims, key=lambda c: c.last.version)
        rows = self.records.log(self.partition, links.next_offset or 0, last)
        for record, message in links.follow(rows):
            self._first = record.offset if self._first is None else self._first
            for at in sorted(s for s in self._snapshots if s <= record.offset):
                self._pass_snapshot(replay, at)
            self._watch(replay)
            replay.apply(record, message)
            self._watch(replay)
            self._applied += 1
            while due and due[0].last.version == record.offset:
                self._judge(due.pop(0), replay, record)
        if due:
            at = links.next_offset or 0
            rows_missing = place(self.partition, at) + f" to {last}"
            raise Broken(at, Difference(self.log.table, rows_missing, "", "rows", "none", "the log ends"))

    def _begin(self, last: int) -> tuple[Replay, Links]:
        """Where to start: see above."""
        count, expired = self.records.log_size(self.partition, last)
        kept = [c.evidence[0].snapshot for c in self.claims]
        usable = None if None in kept else min((k for k in kept if k), key=lambda k: k.next_offset)
        if usable is None or (not expired and (self.whole or count <= self.quick)):
            return Replay(self.log, self.partition, self._runs), Links(self.partition, log=self.log)
        self._start = usable
        blob = self._snapshot(usable)
        config = self._config_at(usable.next_offset, last)
        try:
            replay = Replay.of_snapshot(self.log, self.partition, blob, config, self._runs)
        except WrongSnapshot as error:
            raise WrongState(usable, "blob", "a readable snapshot", str(error)) from error
        shard = replay.shard
        assert shard is not None  # noqa: S101 - it was just made
        if shard.next_offset != usable.next_offset:
            raise WrongState(usable, "next_offset", str(usable.next_offset), str(shard.next_offset))
        del self._snapshots[usable.next_offset]
        return replay, Links(self.partition, shard.chain.head, usable.next_offset, self.log)

    def _runs(self, digest: str) -> RunConfig:
        return trusted(self.records.run_config(digest), digest)

    def _config_at(self, first: int, last: int) -> str:
        record = next(iter(self.records.log(self.partition, first, last)), None)
        return record.config if record else self.claims[0].last.config

    def _snapshot(self, kept: KeptSnapshot) -> bytes:
        """Bytes of a kept snapshot, if they have the digest that was stored with the finding."""
        found = self.records.snapshot(self.partition, kept.next_offset)
        if found is None:
            raise WrongState(kept, "", "a row", "none")
        digest = digest_of(found[1])
        if digest != kept.digest:
            raise WrongState(kept, "blob", kept.digest, digest, "digests of its bytes")
        return found[1]

    def _pass_snapshot(self, replay: Replay, at: int) -> None:
        """The log is followed past a kept snapshot: it must hold what was computed."""
        kept = KeptSnapshot(at, self._snapshots.pop(at))
        if replay.shard is None:
            return
        replay.shard.next_offset = at  # a message that was not readable may stand before it
        found = self.records.snapshot(self.partition, at)
        if found is None:
            raise WrongState(kept, "", "a row", "none")
        blob = found[1]
        if digest_of(blob) == kept.digest:
            replay.shard.agree(blob)
        expected = replay.shard.pack()
        if digest_of(blob) == kept.digest:
            blob = replay.as_of_today(blob)
        different = snapshot_differs(expected, blob)
        if different is not None:
            raise WrongState(kept, *different)
        if digest_of(found[1]) != kept.digest:
            raise WrongState(kept, "digest", digest_of(found[1]), kept.digest, "with the finding")

    def _watch(self, replay: Replay) -> None:
        """Look at the statistic of each claim's series."""
        shard = replay.shard
        if not isinstance(shard, Shard):
            return
        for claim in self.claims:
            watcher = shard.watchers.get(claim.key)
            if watcher is not None and watcher.on_tick is None:
                watcher.on_tick = self._statistic_of(claim)

    def _statistic_of(self, claim: Claim) -> Callable[..., None]:
        mine = [c for c in self.claims if c.key == claim.key]
        for c in mine:
            f = c.finding
            tick_s = self._runs(c.last.config).settings().detection.tick_s
            self._statistics.setdefault(f.finding_id, Statistic(f, tick_s))
        watched = [self._statistics[c.finding.finding_id] for c in mine]

        def on_tick(tick: int, watch: object) -> None:
            for statistic in watched:
                statistic.closed(tick, watch)  # type: ignore[arg-type]

        return on_tick

    def _judge(self, claim: Claim, replay: Replay, record: LogRecord) -> None:
        statement = replay.statements.get((claim.finding.finding_id, record.offset))
        head = replay.shard.chain.head if replay.shard else ""
        difference = differs(
            claim.stored,
            claim.last,
            statement,
            chain=head,
            config=record.config,
            run=self._runs(record.config),
            references=lambda r: self.records.references(claim.key, r.series, r.version),
        )
        path = self._path(claim)
        if statement is not None:
            path.references = statement.references
        own = claim.finding.finding_id
        self.verdicts[own] = Verdict(own, claim.finding, difference, path)

    def _path(self, claim: Claim) -> Path:
        start, statistic = self._start, self._statistics.get(claim.finding.finding_id)
        return Path(
            "beginning" if start is None else "snapshot",
            self.partition,
            self._first,
            claim.last.version,
            self._applied,
            None if start is None else start.next_offset,
            None if start is None else start.digest,
            claim.last.chain,
            claim.last.config,
            ticks=() if statistic is None or not _of_engine(claim) else statistic.ticks(),
        )


def _of_engine(claim: Claim) -> bool:
    """Whether the engine's own statistic, at closed ticks, is what the finding rests on."""
    return claim.finding.detector == DETECTOR and claim.finding.status == "confirmed"


class WrongState(Exception):
    """A kept snapshot is not the one that was kept."""

    def __init__(
        self, kept: KeptSnapshot, column: str, expected: object, found: object, note: str = ""
    ) -> None:
        row = f"snapshot at offset {kept.next_offset}"
        self.difference = Difference("kept_snapshots", row, column, str(expected), str(found), note)
        super().__init__(self.difference.text())
