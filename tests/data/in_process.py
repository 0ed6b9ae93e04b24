"""The whole pipeline in one process: what an import comes to, without servers.

The functions are those of the processes: gateway, stage 1, stage 2 and the desk of alerts, over memory.
`Pipeline.log_of` sends everything through all of it. `Pipeline.short_log_of` does so once for each distinct
record and then only places its row anew for every draw, so that many seeds are cheap; that stage 2 says the
same of both is tested.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType

import orjson

from alerts.briefs.brief import Links
from alerts.incident_service import IncidentService
from alerts.incidents.identity import Place
from alerts.incidents.incident import Incident
from alerts.incidents.intake import read_finding
from alerts.incidents.timing import Timing
from alerts.metrics import Metrics
from alerts.notify.protocol import Delivery
from alerts.state.ports import FAR_FUTURE_NS, Closed, Message, Setup, Source
from detectors.counts.series_rows import CellRow
from detectors.finding import ALL, Finding
from detectors.observation import SourcePosition, decode, encode
from detectors.scorers import SPECS
from infra.clock import NS_PER_S
from infra.kafka import FINDINGS, OBSERVATIONS, SPANS
from infra.settings import KafkaSettings, MemorisedSettings, ScorerSettings, ServiceSettings, Settings
from ingest.agents.detect.shard import Shard
from ingest.agents.score.policy_hits import policy_findings, service_of
from ingest.agents.score.setup import scoring
from ingest.agents.score.stage import ScoreStage
from ingest.clock_marks import Advance, ClockMarks
from ingest.detection_settings import shard_config
from ingest.gateway.intake import Origin
from ingest.gateway.producer import MemoryProducer
from ingest.gateway.splitting import partition_of
from ingest.messages import Output, RawMessage
from ingest.operations.importing.files import read_rows
from ingest.operations.importing.importer import ImportJob, build_intake, run_import
from ingest.operations.importing.plan import ImportPlan, ImportRow, Placed, place
from ingest.operations.importing.records import portions, span_ids
from ingest.repository.interaction import StoredInteraction, from_row
from ingest.repository.observations import INTERACTION, by_service, keyed_hash, observe, observed_interaction
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import INTERACTIONS
from tests.alerts.memory import HandClock, MemoryPost
from tests.alerts.memory import MemoryStore as MemoryIncidents

PARTITIONS = 4
HASH_KEY = bytes(range(32))
PORTION = 500
"""Sends of one request, as `portions` cuts them."""
EVERYBODY = ("hook",)

RowKey = tuple[bytes, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a log: every finding as it was first stated, the incidents, oldest first, and messages."""

    findings: tuple[Finding, ...]
    incidents: tuple[Incident, ...]
    told: tuple[Delivery, ...]


class Pipeline:
    """Everything Lightship does to imports; keys and saved places lie under ``home``.

    ``budgets`` are those that services have of their own; ``documents`` must not be recited.
    """

    def __init__(
        self,
        home: Path,
        budgets: Mapping[str, ServiceSettings] = MappingProxyType({}),
        documents: Sequence[Path] = (),
    ) -> None:
        self.settings = Settings(
            home=home,
            kafka=KafkaSettings(partitions=PARTITIONS),
            service=dict(budgets),
            scorers=ScorerSettings(memorised=MemorisedSettings(tuple(map(str, documents)))),
        )
        self._scoring = scoring(self.settings)
        self._known: dict[RowKey, StoredInteraction] = {}

    def log_of(self, jobs: Sequence[ImportJob]) -> list[Output]:
        """What stage 1 sends to stage 2 and to alerts, for everything gone through gateway and stage 1."""
        producer = MemoryProducer()

        async def send() -> None:
            intake = build_intake(self.settings, producer)
            try:
                for job in jobs:
                    await run_import(job, intake, self.settings.home, restart=True)
            finally:
                await intake.close()

        asyncio.run(send())
        stage = ScoreStage(MemoryStore(), self._scoring, self.settings, HASH_KEY)
        out: list[Output] = []
        for message in _as_read(producer):
            outputs = stage.process([message])
            stage.acknowledged([message])
            out += [o for o in outputs if o.partition in (None, 0)]  # marks go to every shard, we have one
        return out

    def short_log_of(self, jobs: Sequence[ImportJob]) -> list[Output]:
        """The same from what is known of each record."""
        stream = _Stream()
        for job in jobs:
            rows, _ = read_rows(job.paths, job.plan.where)
            placed, rejected = place(rows, job.plan)
            assert not rejected
            origin = Origin(job.tenant, job.lineage_of(rows))
            known = self._stored(rows, {p.row for p in placed}, job, origin)
            stream.mark(origin, placed[0].at_ns)
            for first in range(0, len(placed), PORTION):
                chosen = placed[first : first + PORTION]
                stream.send(origin, [_moved(known[p.row], rows[p.row], p, origin) for p in chosen])
                stream.mark(origin, chosen[-1].at_ns)
            if not job.more:
                stream.mark(origin, placed[-1].at_ns, ended=True)
        return stream.outputs

    def stored(self, job: ImportJob) -> list[StoredInteraction]:
        """Every record that a job chooses, once, redacted and scored."""
        rows, _ = read_rows(job.paths, job.plan.where)
        return list(self._stored(rows, range(len(rows)), job, Origin(job.tenant, "import-once")).values())

    def _stored(
        self, rows: Sequence[ImportRow], used: Iterable[int], job: ImportJob, origin: Origin
    ) -> dict[int, StoredInteraction]:
        """What stage 1 stores of rows; those not seen before go through all of it."""
        keys = {n: _row_key(rows[n], job.plan) for n in sorted(used)}
        fresh = {key: n for n, key in keys.items() if key not in self._known}
        if fresh:
            stored = self._through(
                rows, [Placed(n, None, job.plan.start_ns or 0) for n in fresh.values()], job, origin
            )
            self._known |= {key: stored[span_ids(rows[n], None)[0].hex()] for key, n in fresh.items()}
        return {n: self._known[key] for n, key in keys.items()}

    def _through(
        self, rows: Sequence[ImportRow], placed: Sequence[Placed], job: ImportJob, origin: Origin
    ) -> dict[str, StoredInteraction]:
        """Rows by trace id after gateway and stage 1."""
        producer = MemoryProducer()

        async def send() -> None:
            intake = build_intake(self.settings, producer)
            try:
                for portion in portions(rows, placed, job.plan):
                    await intake.accept(portion.request, origin)
            finally:
                await intake.close()

        asyncio.run(send())
        store = MemoryStore()
        ScoreStage(store, self._scoring, self.settings, HASH_KEY).process(_as_read(producer))
        found = [from_row(row) for row in store.rows(INTERACTIONS)]
        assert len(found) == len(placed)
        return {s.interaction.trace_id: s for s in found}

    def outcome(self, log: Sequence[Output]) -> Outcome:
        """Stage 2 and alerts over what stage 1 sent.

        The desk looks at the time at the worst moment: when ticks are stored and what is found in them is not
        said yet.
        """
        lateness_ns = round(self.settings.detection.lateness_s * NS_PER_S)
        shard = Shard(shard_config(self.settings), PARTITIONS, lateness_ns)
        alerts = _Alerts(self.settings)
        offset = 0
        for output in log:
            if output.topic == FINDINGS.name:
                alerts.take(output.value)
            elif output.topic == OBSERVATIONS.name:
                shard.apply(offset, decode(output.value))
                offset += 1
                alerts.store.close_ticks(row for _, row, _ in shard.cells)
                alerts.incidents.elapse()
                for finding, _ in shard.findings:
                    alerts.take(finding.to_json().encode())
                shard.findings, shard.cells = [], []
        return alerts.outcome()


def _row_key(row: ImportRow, plan: ImportPlan) -> RowKey:
    """Everything a row is scored by, whatever file it came in: the record, and how it is read."""
    return orjson.dumps(row.record), repr((plan.service, plan.model_from, sorted(plan.fields.items())))


def _as_read(producer: MemoryProducer) -> list[RawMessage]:
    """What was sent, as stage 1 reads it."""
    offsets: Counter[tuple[str, int]] = Counter()
    out = []
    for s in producer.sent:
        out.append(
            RawMessage(s.topic, s.partition, offsets[s.topic, s.partition], s.value, None, dict(s.headers))
        )
        offsets[s.topic, s.partition] += 1
    return out


def _moved(known: StoredInteraction, row: ImportRow, placed: Placed, origin: Origin) -> StoredInteraction:
    """A record's row for one draw of it."""
    trace_id, span_id = span_ids(row, placed.draw)
    i = known.interaction
    return replace(
        known,
        interaction=replace(
            i,
            trace_id=trace_id.hex(),
            span_id=span_id.hex(),
            start_ns=placed.at_ns - (i.end_ns - i.start_ns),
            end_ns=placed.at_ns,
            lineage=origin.lineage,
        ),
    )


@dataclass
class _Stream:
    """Stage 1 for rows that are scored already: observations, policy hits and marks, by source partition."""

    outputs: list[Output] = field(default_factory=list)
    _marks: ClockMarks = field(default_factory=lambda: ClockMarks(30 * NS_PER_S))
    _offsets: Counter[int] = field(default_factory=Counter)

    def send(self, origin: Origin, rows: Sequence[StoredInteraction]) -> None:
        """One request: a message to each partition that its traces go to."""
        pieces: dict[int, list[StoredInteraction]] = {}
        for row in rows:
            trace_id = bytes.fromhex(row.interaction.trace_id)
            pieces.setdefault(partition_of(trace_id, PARTITIONS), []).append(row)
        hash_ = keyed_hash(HASH_KEY)
        for partition, piece in sorted(pieces.items()):
            at = self._next(partition)
            moved = [replace(row, source=at) for row in piece]
            counted = by_service((service_of(row), observed_interaction(row, at)) for row in moved)
            for key, mine in counted.items():
                observation = observe(key, at, INTERACTION, mine, SPECS, hash_)
                self.outputs.append(Output(OBSERVATIONS.name, key.text().encode(), encode(observation)))
            for hit in policy_findings(moved, at):
                self.outputs.append(Output(FINDINGS.name, hit.service.encode(), hit.to_json().encode(), 0))
            self._advance(Advance(at, (origin.tenant, origin.lineage), max(r.event_ns for r in moved)))

    def mark(self, origin: Origin, event_ns: int, *, ended: bool = False) -> None:
        """The importer's word on the time, to every partition."""
        for partition in range(PARTITIONS):
            at = self._next(partition)
            self._advance(Advance(at, (origin.tenant, origin.lineage), event_ns, ended))

    def _next(self, partition: int) -> SourcePosition:
        at = SourcePosition(SPANS.name, partition, self._offsets[partition])
        self._offsets[partition] += 1
        return at

    def _advance(self, advance: Advance) -> None:
        for m in self._marks.marks_after([advance]):
            self.outputs.append(Output(OBSERVATIONS.name, f"{m.tenant}/{m.lineage}".encode(), encode(m), 0))
        self._marks.acknowledge([advance], 0)


@dataclass
class _Ticks(MemoryIncidents):
    """Incidents in memory, and the closed ticks of the one place: (begin in ns, score, n, hits)."""

    ticks: list[tuple[int, str, int, float]] = field(default_factory=list)

    def close_ticks(self, cells: Iterable[CellRow]) -> None:
        """Detection has stored these."""
        self.ticks += [
            (c.start_s * NS_PER_S, c.series.score, c.n, c.total) for c in cells if c.series.slice == ALL
        ]

    def closed(
        self, place: Place, scores: Sequence[str], after_ns: int, before_ns: int = FAR_FUTURE_NS
    ) -> Closed:
        """What lies between."""
        assert place.service
        since = takewhile(lambda tick: tick[0] > after_ns, reversed(self.ticks))  # they close in order
        chosen = [t for t in since if t[0] < before_ns]
        mine = [t for t in chosen if t[1] in scores]
        upto_ns = max((t[0] for t in chosen), default=after_ns)
        return Closed(sum(n for _, _, n, _ in mine), round(sum(hits for *_, hits in mine)), upto_ns)


class _Alerts:
    """The desk, and what it says."""

    def __init__(self, settings: Settings) -> None:
        self.store = _Ticks()
        self._findings: dict[str, Finding] = {}
        self._told: list[Delivery] = []
        setup = Setup(Timing.of(settings), lambda _: EVERYBODY, Links("", "", ""))
        self.incidents = IncidentService(setup, self.store, MemoryPost(), self._due, HandClock(), Metrics())
        self.incidents.load()
        self._n = 0

    def _due(self, delivery: Delivery, *_: object) -> None:
        self._told.append(delivery)

    def take(self, value: bytes) -> None:
        """One message of the log of findings."""
        self.incidents.apply([Message(Source(FINDINGS.name, 0, self._n), value)])
        self._n += 1
        finding = read_finding(value)
        self._findings.setdefault(finding.finding_id, finding)

    def outcome(self) -> Outcome:
        """Where it ended."""
        return Outcome(
            tuple(self._findings.values()), tuple(reversed(self.incidents.all())), tuple(self._told)
        )
