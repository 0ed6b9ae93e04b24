from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from alerts.incidents.intake import read_finding
from detectors.budgets.service_budget import ServiceBudget
from detectors.closed_ticks import Report, decode
from detectors.counts.series_rows import CellRow, SeriesState
from detectors.finding import Finding
from detectors.observation import Mark, Message, Observation, ServiceKey, SourcePosition, encode
from detectors.series.baseline_reference import Reference
from infra.kafka import DEAD_LETTERS, FINDINGS, TICKS
from ingest.agents.detect.chain import digest_of
from ingest.agents.detect.evidence import Evidence, KeptSnapshot
from ingest.agents.detect.run_config import RunConfig
from ingest.agents.detect.stage import DetectStage
from ingest.agents.detect.writer import LogRow, QuarantineRow, Snapshot
from ingest.errors import Unavailable
from ingest.messages import Output, RawMessage
from ingest.topics.dead_letter import read as read_letter
from tests.at_length import at_length
from tests.detectors.test_watcher import refusals_in_spanish
from tests.detectors.traffic import DAY, KEY, START, World, config, observation

NS_PER_MIN = 60_000_000_000
LATENESS_NS = 2 * NS_PER_MIN


@dataclass
class Kept:
    """A store in memory: rows by key, as the tables keep them. ``failures`` makes the next calls fail."""

    log: dict[tuple[int, int], LogRow] = field(default_factory=dict)
    cells: dict[tuple[object, ...], CellRow] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)
    series: list[SeriesState] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    runs: dict[str, RunConfig] = field(default_factory=dict)
    evidence: dict[tuple[str, int], Evidence] = field(default_factory=dict)
    references: dict[tuple[str, str, str], Reference] = field(default_factory=dict)
    quarantine: list[QuarantineRow] = field(default_factory=list)
    refused: list[Output] = field(default_factory=list)
    failures: int = 0

    def _maybe_fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the store does not answer")

    def write_log(self, rows: Sequence[LogRow]) -> None:
        self._maybe_fail()
        self.log |= {(r.partition, r.offset): r for r in rows}

    def write_cells(self, rows: Sequence[tuple[ServiceKey, CellRow, int]]) -> None:
        self._maybe_fail()
        self.cells |= {(k, c.series, c.start_s, c.part): c for k, c, _ in rows}

    def write_findings(self, rows: Sequence[tuple[Finding, int]]) -> None:
        self._maybe_fail()
        self.findings |= {f"{f.finding_id}/{f.ended_at}": f.to_json() for f, _ in rows}

    def write_series(self, rows: Sequence[tuple[ServiceKey, SeriesState, int]]) -> None:
        self.series = list({s.series_id: s for s in (*self.series, *(s for _, s, _ in rows))}.values())

    def write_snapshot(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def write_quarantine(self, rows: Sequence[QuarantineRow]) -> None:
        self._maybe_fail()
        self.quarantine += rows

    def write_progress(self, partition: int, next_offset: int, event_ns: int) -> None:
        pass

    def keep_snapshot(self, shard: int, upto: int) -> KeptSnapshot | None:
        mine = [s for s in self.snapshots if s.shard == shard and s.next_offset <= upto]
        found = max(mine, key=lambda s: s.next_offset, default=None)
        return KeptSnapshot(found.next_offset, digest_of(found.blob)) if found else None

    def write_run_config(self, run: RunConfig) -> None:
        self.runs[run.digest] = run

    def write_evidence(self, rows: Sequence[Evidence]) -> None:
        self._maybe_fail()
        self.evidence |= {(e.finding_id, e.version): e for e in rows}

    def write_references(self, rows: Sequence[tuple[ServiceKey, Reference]]) -> None:
        self.references |= {(r.series, r.version, r.channel): r for _, r in rows}

    def take_refused(self) -> list[Output]:
        refused, self.refused = self.refused, []
        return refused

    def latest_snapshot(self, shard: int) -> Snapshot | None:
        mine = [s for s in self.snapshots if s.shard == shard]
        return max(mine, key=lambda s: s.next_offset, default=None)


def mark(partition: int, next_offset: int, minute: int, *, ended: bool = False) -> Mark:
    return Mark(
        KEY.tenant, KEY.lineage, "otlp_spans", partition, next_offset, minute * NS_PER_MIN, ended=ended
    )


def log_of(world: World, partitions: int = 2) -> list[Observation | Mark]:
    """The observation log of a world whose rows come over several source partitions."""
    rows = list(world.rows())
    offsets = [0] * partitions
    log: list[Observation | Mark] = []
    for i in range(0, len(rows), 8):
        batch = rows[i : i + 8]
        p = (i // 8) % partitions
        o = observation(batch, offsets[p])
        log.append(replace(o, source=SourcePosition("otlp_spans", p, offsets[p])))
        offsets[p] += 1
        log.append(mark(p, offsets[p], batch[-1].minute))
    last = rows[-1].minute
    log += [mark(p, offsets[p] + 1, last, ended=True) for p in range(partitions)]
    return log


def stage(store: Kept, partitions: int = 2) -> DetectStage:
    return DetectStage(store, config(), partitions, LATENESS_NS)


def raw(log: Sequence[Message], start: int = 0) -> list[RawMessage]:
    return [RawMessage("observations", 0, start + i, encode(m)) for i, m in enumerate(log)]


def said(outputs: Sequence[Output]) -> set[bytes]:
    return {o.value for o in outputs if o.topic == FINDINGS.name}


def closed(outputs: Sequence[Output]) -> set[tuple[object, ...]]:
    """What the fleet shard is told of ticks, without places in the log, which repeats move."""
    told = [decode(o.value) for o in outputs if o.topic == TICKS.name]
    return {(e.until, e.rows) for r in told if isinstance(r, Report) for e in r.entries}


@pytest.fixture(scope="module")
def log() -> list[Message]:
    """Traffic with a change; a budget is given while series learn and another when they are watched."""
    world = World(seed=1, per_day=150, days=15, refusal=0.01, change=refusals_in_spanish)
    messages: list[Message] = [*log_of(world)]
    for place, pages in ((len(messages) // 3, 0.1), (len(messages) * 29 // 30, 0.01)):
        messages.insert(place, ServiceBudget(pages, 0.1).control(KEY))
    return messages


@pytest.fixture(scope="module")
def undisturbed(log: list[Message]) -> tuple[Kept, set[bytes], set[tuple[object, ...]]]:
    store = Kept()
    outputs = stage(store).process(raw(log))
    assert said(outputs)
    assert closed(outputs)
    return store, said(outputs), closed(outputs)


@pytest.mark.parametrize("seed", at_length(range(4)))
def test_crashes_repeats_and_an_unreliable_store_change_nothing(
    log: list[Message], undisturbed: tuple[Kept, set[bytes], set[tuple[object, ...]]], seed: int
) -> None:
    draw = random.Random(seed)
    messages: list[Message] = []
    for m in log:  # stage 1 ran again: an observation stands in the log twice, also behind its mark
        messages.append(m)
        if isinstance(m, Observation) and draw.random() < 0.1:
            messages.append(m)
        elif isinstance(m, Mark) and draw.random() < 0.05 and isinstance(messages[-2], Observation):
            messages.append(messages[-2])
    stream = raw(messages)
    store, sent, told = Kept(), set[bytes](), set[tuple[object, ...]]()
    running, at, kills = stage(store), 0, 0
    while at < len(stream):
        size = draw.randrange(1, 400)
        if draw.random() < 0.2:
            store.failures = draw.randrange(1, 4)
        while True:
            try:
                outputs = running.process(stream[at : at + size])
                break
            except Unavailable:
                continue
        sent, told = sent | said(outputs), told | closed(outputs)
        at += size
        if draw.random() < 0.3:
            running.snapshot()
        if draw.random() < 0.3 and kills < 6:  # killed: it reads again from its last snapshot
            kills += 1
            found = store.latest_snapshot(0)
            at = found.next_offset if found else 0
            running = stage(store)
    expected, findings, ticks = undisturbed
    assert told == ticks
    assert {k: v.n for k, v in store.cells.items()} == {k: v.n for k, v in expected.cells.items()}
    strip = [{_without_log(f) for f in s} for s in (sent, findings)]
    assert strip[0] == strip[1]


def _without_log(finding: bytes) -> str:
    """A finding without its place in the log, which repeats move."""
    said = json.loads(finding)
    return json.dumps({k: v for k, v in said.items() if not k.startswith("log_")})


def test_lost_messages_are_paged_once_and_the_rest_is_watched(log: list[Message]) -> None:
    store, pages = Kept(), list[Finding]()
    for _ in range(2):  # ended before a snapshot, it reads and says the same again
        running = stage(store)
        running.process(raw(log[:10]))
        assert not said(running.process(raw(log[10:12], start=11)))  # a skipped number is no loss
        outputs = running.process(raw(log[12:14], start=2000))
        pages += [read_finding(o.value) for o in outputs if o.topic == FINDINGS.name]
        outputs = running.process(raw(log[14:16], start=2002))
        assert not said(outputs)
    assert [(p.severity, p.score) for p in pages] == [("page", "missing_observations")] * 2
    assert len({p.finding_id for p in pages}) == 1
    assert "observations 13 to 1999 of partition 0" in pages[0].notes[0]
    assert running.snapshot() == {0: 2004}


def test_bytes_that_are_no_message_become_a_dead_letter_and_are_passed(
    log: list[Message],
) -> None:
    running = stage(Kept())
    bad = RawMessage("observations", 0, 2, b"\x09nothing")
    outputs = running.process([*raw(log[:2]), bad, *raw(log[2:4], start=3)])
    (dead,) = [o for o in outputs if o.topic != TICKS.name]
    assert (dead.topic, dead.key) == (DEAD_LETTERS.name, b"observations/0/2")
    letter = read_letter(dead.value)  # as `lightship dead-letters` lists it
    assert (letter.kind, letter.value, letter.records) == ("undecodable", b"\x09nothing", 0)
    assert "version" in letter.reason


def test_a_second_import_into_an_ended_lineage_goes_on_from_there() -> None:
    first = log_of(World(seed=2, per_day=100, days=1))
    later: list[Observation | Mark] = []
    for m in log_of(World(seed=3, per_day=100, days=1)):
        if isinstance(m, Mark):
            later.append(
                replace(m, event_ns=m.event_ns + 2 * DAY * NS_PER_MIN, next_offset=m.next_offset + 100)
            )
        else:
            source = replace(m.source, offset=m.source.offset + 100)
            later.append(replace(m, source=source, minutes=tuple(x + 2 * DAY for x in m.minutes)))
    store = Kept()
    running = stage(store)
    running.process(raw(first))
    running.process(raw(later, start=len(first)))
    whole = [c for c in store.cells.values() if c.series.score == "refusal" and c.series.slice == "all"]
    assert all(c.part == 0 for c in whole)
    assert max(c.start_s for c in whole) > (START + 2 * DAY) * 60


def test_a_new_service_is_known_as_soon_as_a_tick_of_it_closes(log: list[Message]) -> None:
    """Not with the next snapshot: what it may spend is told to those that are known."""
    store = Kept()
    running = stage(store)
    first = next(i for i, m in enumerate(log) if isinstance(m, Mark) and m.partition == 1)
    running.process(raw(log[: first + 1]))
    known_after = 0
    for at in range(first + 1, len(log)):
        if store.series:
            break
        running.process(raw(log[at : at + 1], at))
        known_after = at
    assert known_after < 40
    assert not store.snapshots
    assert {s.state for s in store.series} == {"learning"}
