"""Calls measured once by the real first stage, to be drawn again and again as observations."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.score_stage import NoStore
from bench.situations.traffic import LANGUAGES, Call, request_of, span_of
from detectors.observation import ABSENT, Column, Observation, ServiceKey, SourcePosition, decode
from infra.clock import NS_PER_S
from infra.kafka import OBSERVATIONS, SPANS
from infra.settings import Settings
from ingest.agents.score.setup import scoring
from ingest.agents.score.stage import ScoreStage
from ingest.messages import RawMessage

OF_A_KIND = 40
"""Calls that are measured of each kind."""
AT_NS = 1_795_500_000_000_000_000


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one unit: names of dimensions and scores, their values, and generations."""

    dimensions: Mapping[str, tuple[str, ...]]
    scores: Mapping[str, tuple[str, ...]]
    generations: Mapping[str, int]


class Pool:
    """Rows of the interaction unit by kind of call."""

    def __init__(self, kinds: Sequence[Call], seed: int) -> None:
        rng = random.Random(seed)
        stage = ScoreStage(NoStore(), scoring(), Settings(), b"sixteen bytes or")
        found: dict[Call, Observation] = {}
        for offset, kind in enumerate(kinds):
            spans = [(("pool", "bench"), span_of(kind, AT_NS, rng)) for _ in range(OF_A_KIND)]
            headers = {
                "lightship-tenant": b"default",
                "lightship-lineage": b"live",
                "lightship-redacted": b"1",
                "lightship-records": str(len(spans)).encode(),
                "lightship-received-at": str(AT_NS + NS_PER_S).encode(),
            }
            message = RawMessage(SPANS.name, 0, offset, request_of(spans), None, headers)
            outputs = stage.process([message])
            stage.acknowledged([message])
            read = [decode(o.value) for o in outputs if o.topic == OBSERVATIONS.name]
            found[kind] = next(o for o in read if isinstance(o, Observation) and o.unit == "interaction")
        self._table = _table(found.values())
        self._rows = {kind: _rows(o, self._table) for kind, o in found.items()}

    def observation(
        self,
        key: ServiceKey,
        offset: int,
        calls: Sequence[tuple[int, Call]],
        rng: random.Random,
        users: int,
    ) -> Observation:
        """An observation of calls, each with the ms since 1970 at which it ended."""
        rows = [rng.choice(self._rows[call]) for _, call in calls]
        columns = list(zip(*rows, strict=True))
        names = [*self._table.dimensions.items(), *self._table.scores.items()]
        made = {name: Column(v, c) for (name, v), c in zip(names, columns, strict=True)}
        scores = {n: made[n] for n in self._table.scores if any(c != ABSENT for c in made[n].rows)}
        return Observation(
            key=key,
            source=SourcePosition(SPANS.name, 0, offset),
            unit="interaction",
            minutes=tuple(ms // 60_000 for ms, _ in calls),
            dimensions={n: made[n] for n in self._table.dimensions},
            scores=scores,
            generations={n: self._table.generations[n] for n in scores},
            users=tuple(1 + rng.randrange(users) for _ in calls),
            conversations=tuple(rng.getrandbits(63) | 1 for _ in calls),
            at_ms=tuple(ms % 60_000 for ms, _ in calls),
            traces=tuple(rng.getrandbits(63) | 1 for _ in calls),
            prompts=tuple(rng.getrandbits(63) | 1 for _ in calls),
        )


def kinds_of(factors: Sequence[tuple[float, float]]) -> list[Call]:
    """Every kind of call there is for these factors of time and price."""
    ends = ((False, False), (True, False), (False, True))
    return [
        Call(language, refused, failed, slower, dearer)
        for language in LANGUAGES
        for refused, failed in ends
        for slower, dearer in factors
    ]


def _table(found: Iterable[Observation]) -> Table:
    dimensions: dict[str, dict[str, None]] = {}
    scores: dict[str, dict[str, None]] = {}
    generations: dict[str, int] = {}
    for o in found:
        generations |= o.generations
        for name, column in o.dimensions.items():
            dimensions.setdefault(name, {}).update(dict.fromkeys(column.values))
        for name, column in o.scores.items():
            scores.setdefault(name, {}).update(dict.fromkeys(column.values))
    fixed = {n: tuple(v) for n, v in sorted(dimensions.items())}
    return Table(fixed, {n: tuple(v) for n, v in sorted(scores.items())}, generations)


def _rows(o: Observation, table: Table) -> list[tuple[int, ...]]:
    columns = []
    for have, names in ((o.dimensions, table.dimensions), (o.scores, table.scores)):
        for name, values in names.items():
            column = have.get(name, Column((), (ABSENT,) * len(o.minutes)))
            places = [values.index(v) for v in column.values]
            columns.append([places[c] if places and c >= 0 else c for c in column.rows])
    return list(zip(*columns, strict=True))
