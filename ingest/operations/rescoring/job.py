"""Stored redacted text scored by the scorers of today, as observations of a lineage of their own.

For scores of a new generation, whose series would start with nothing known. The observations go through the
log like any others, with marks that move and end the lineage's clock, so that stage 2 learns from them as it
does from an import and no tick of the live lineage is touched. What it learned is then adopted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from detectors.observation import Mark, Observation, ServiceKey, SourcePosition, encode
from detectors.record import Record
from detectors.scorers.protocol import Scores, ScoreSpec
from infra.kafka import OBSERVATIONS, SPANS
from ingest.messages import Output
from ingest.repository.interaction import StoredInteraction, canonical_scores, to_record_of
from ingest.repository.observations import INTERACTION, Observed, observe, observed_interaction

BATCH = 256
DAY_NS = 86_400_000_000_000

Score = Callable[[Sequence[Record]], list[Scores]]


@dataclass(frozen=True, slots=True)
class Rescore:
    """What is scored again: these scores of one service, from the text of ``from_ns`` to ``to_ns``."""

    tenant: str
    service: str
    environment: str | None
    scores: frozenset[str]
    from_ns: int
    to_ns: int

    def lineage(self, specs: Mapping[str, ScoreSpec]) -> str:
        """``rescore-`` and a hash of what is scored in which generation: done again, it is the same."""
        said = [self.tenant, self.service, self.environment or "", str(self.to_ns)]
        said += [f"{name} {specs[name].generation}" for name in sorted(self.scores)]
        return f"rescore-{hashlib.sha256('/'.join(said).encode()).hexdigest()[:8]}"


def outputs(
    job: Rescore,
    stored: Iterable[StoredInteraction],
    specs: Mapping[str, ScoreSpec],
    score: Score,
    partitions: int,
) -> Iterator[list[Output]]:
    """Messages to send, a list at a time: observations in order of time, and marks after each day.

    ``stored`` are rows in order of their start. The last list ends the lineage; without rows there is none.
    """
    lineage, offset, last_ns, start_ns = job.lineage(specs), 0, 0, 0
    for _, day in groupby(stored, key=lambda s: s.interaction.start_ns // DAY_NS):
        for rows in _batches(day):
            found = list(_observations(job, rows, specs, score, lineage, offset))
            yield [Output(OBSERVATIONS.name, o.key.text().encode(), encode(o)) for o in found]
            offset += 1
            last_ns, start_ns = max(last_ns, *(r.event_ns for r in rows)), rows[-1].interaction.start_ns
        yield _marks(job.tenant, lineage, offset, start_ns, partitions, ended=False)  # later rows end later
    if offset:
        yield _marks(job.tenant, lineage, offset, last_ns, partitions, ended=True)


def _batches(rows: Iterable[StoredInteraction]) -> Iterator[list[StoredInteraction]]:
    batch: list[StoredInteraction] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _observations(
    job: Rescore,
    rows: Sequence[StoredInteraction],
    specs: Mapping[str, ScoreSpec],
    score: Score,
    lineage: str,
    offset: int,
) -> Iterator[Observation]:
    position = SourcePosition(SPANS.name, 0, offset)
    groups: dict[ServiceKey, list[Observed]] = {}
    for row, values in zip(rows, score([to_record_of(r) for r in rows]), strict=True):
        chosen = {n: v for n, v in canonical_scores(values).items() if n in job.scores}
        again = replace(row, scores={**_language(row), **chosen}, late={}, source=position)
        seen = observed_interaction(again, position)
        if chosen:
            key = ServiceKey(job.tenant, lineage, row.interaction.environment or "", job.service)
            groups.setdefault(key, []).append(replace(seen, scores=chosen))
    for key, observed in sorted(groups.items()):
        yield observe(key, position, INTERACTION, observed, specs, _nobody)


def _language(row: StoredInteraction) -> Scores:
    """The language as it was: slices by it are those of the live series."""
    return {n: v for n, v in row.scores.items() if n == "language"}


def _nobody(tenant: str, value: str | None) -> int:
    """Users and conversations are not learned from."""
    del tenant, value
    return 0


def _marks(
    tenant: str, lineage: str, offset: int, event_ns: int, partitions: int, *, ended: bool
) -> list[Output]:
    """How far every source partition has come (all rows came over the first), for every shard."""
    marks = [
        Mark(tenant, lineage, SPANS.name, p, offset if p == 0 else 0, event_ns, ended=ended)
        for p in range(partitions)
    ]
    return [
        Output(OBSERVATIONS.name, f"{tenant}/{lineage}".encode(), encode(m), shard)
        for m in marks
        for shard in range(partitions)
    ]
