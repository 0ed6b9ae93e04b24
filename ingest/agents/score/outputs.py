"""What stage 1 asks to have sent for a message: observations, policy hits, dead letters; and for marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from detectors.finding import Finding
from detectors.observation import Mark, Observation, ServiceKey, SourcePosition, encode
from detectors.scorers.judgement import WithJudgements, bounded
from detectors.scorers.protocol import ScoreSpec
from infra.kafka import (
    FINDINGS,
    HEADER_EVENT_TIME,
    HEADER_LINEAGE,
    HEADER_RECEIVED_AT,
    HEADER_RECORDS,
    HEADER_TENANT,
    OBSERVATIONS,
)
from ingest.agents.score.policy_hits import service_of
from ingest.agents.score.work import Work
from ingest.clock_marks import Advance, Lineage, Partition
from ingest.event_time import clock_time
from ingest.messages import Output
from ingest.repository.evaluation import StoredJudgement
from ingest.repository.observations import (
    INTERACTION,
    TRACE,
    Hash,
    Observed,
    by_service,
    observe,
    observed_interaction,
)
from ingest.topics.dead_letter import to_output
from ingest.units.trace_unit import TraceUnit, observed_trace

Runs = Mapping[SourcePosition, Sequence[TraceUnit]]
Findings = Mapping[SourcePosition, Sequence[Finding]]


class Outputs:
    """Messages to send.

    Parameters
    ----------
    specs
        The scores that are counted.
    hash_
        For users and conversations.
    partitions
        Of ``observations``: marks go to every one, observations where their key leads.
    """

    def __init__(self, specs: Mapping[str, ScoreSpec], hash_: Hash, partitions: int) -> None:
        self._specs = dict(specs)
        self._with_judgements = WithJudgements(specs)
        self._hash = hash_
        self._partitions = partitions

    def of_message(self, work: Work, runs: Runs, findings: Findings) -> list[Output]:
        """At most one observation per service and unit, naming the source position; then the rest."""
        at = work.position
        rows = [(service_of(t), observed_interaction(t, at)) for t in work.touched if t.observed]
        if work.judged:
            rows += _evaluation_rows(work.judged)
        ended = [(_service_of_run(u), observed_trace(u)) for u in runs.get(at, ()) if u.observed]
        observations = [
            *(self._observation(k, work, INTERACTION, r) for k, r in by_service(rows).items()),
            *(self._observation(k, work, TRACE, r) for k, r in by_service(ended).items()),
        ]
        return [
            *(Output(OBSERVATIONS.name, o.key.text().encode(), encode(o)) for o in observations),
            *(Output(FINDINGS.name, f.service.encode(), f.to_json().encode(), 0) for f in findings[at]),
            *map(to_output, work.decoded.dead),
        ]

    def _observation(self, key: ServiceKey, work: Work, unit: str, rows: Sequence[Observed]) -> Observation:
        specs = self._with_judgements if work.judged else self._specs
        return observe(key, work.position, unit, rows, specs, self._hash)

    def of_clocks(self, overdue: Iterable[tuple[Partition, Lineage]], now_ns: int) -> list[Output]:
        """Messages without records that move a live lineage's clock in a source partition without data."""
        now = str(now_ns).encode()
        return [
            Output(
                topic,
                None,
                b"",
                partition,
                (
                    (HEADER_TENANT, lineage[0].encode()),
                    (HEADER_LINEAGE, lineage[1].encode()),
                    (HEADER_RECORDS, b"0"),
                    (HEADER_RECEIVED_AT, now),
                    (HEADER_EVENT_TIME, now),
                ),
            )
            for (topic, partition), lineage in overdue
        ]

    def of_marks(self, marks: Sequence[Mark]) -> list[Output]:
        """Every mark to every partition."""
        return [
            Output(OBSERVATIONS.name, f"{m.tenant}/{m.lineage}".encode(), encode(m), partition)
            for m in marks
            for partition in range(self._partitions)
        ]


def _evaluation_rows(judged: Sequence[StoredJudgement]) -> list[tuple[ServiceKey, Observed]]:
    """Rows of the judgements that a message counts, with a bounded number of names for each service."""
    rows: list[tuple[ServiceKey, Observed]] = []
    names: dict[ServiceKey, dict[str, None]] = {}
    for judgement in judged:
        found = judgement.observed()
        if found is None:
            continue
        key, row = found
        taken = names.setdefault(key, {})
        scores = {bounded(name, taken): value for name, value in row.scores.items()}
        taken.update(dict.fromkeys(scores))
        rows.append((key, replace(row, scores=scores)))
    return rows


def _service_of_run(unit: TraceUnit) -> ServiceKey:
    r = unit.root
    return ServiceKey(r.tenant, r.lineage, r.environment or "", r.service)


def advance_of(work: Work) -> Advance:
    """What a message does to its lineage's clock: nothing, if it is a backfill or says no time."""
    d = work.decoded
    e = d.envelope
    times = [v.end_ns for _, v in d.spans] + [v.time_ns for _, v in d.logs]
    if e.event_ns is not None:
        times.append(e.event_ns)
    event_ns = max((clock_time(t, e.received_ns, e.lineage) for t in times), default=0)
    if e.backfill or not (event_ns or e.ended):
        return Advance(work.position, None)
    return Advance(work.position, (e.tenant, e.lineage), event_ns, e.ended)


def ids_of(work: Work) -> Iterable[tuple[str, ...]]:
    """Ids of what is stored from a message."""
    for touched in work.touched:
        if touched.source == work.position:
            yield touched.key
    for c in work.contexts:
        yield c.tenant, c.lineage, c.trace_id, c.span_id
    for record in work.records:
        yield record.key
    for said in work.evaluations:
        yield "judgement", *said.id
