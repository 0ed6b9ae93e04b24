"""What services learned, and what people say to it: levels as a proposal, and the records that accept them.

Pure. A level is a proposal until it lies within a declared limit or a person accepts it, with a reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from detectors.finding import ALL
from detectors.observation import Control, ServiceKey


@dataclass(frozen=True, slots=True)
class LearnedBaseline:
    """One watched series: its level with a 95 % interval from ``n`` observations, and what is said to it.

    ``examples`` are the hits among them (``None`` where the score counts none), ``verdict`` one of
    `detectors.baselines.proposal.VERDICTS`. ``detectable_*`` is the smallest change noticed within that
    time, in ``detectable_unit``.
    """

    tenant: str
    lineage: str
    environment: str
    service: str
    unit: str
    score: str
    generation: int
    slice: str
    kind: str
    state: str
    version: str
    origin: str
    level: float | None
    low: float | None
    high: float | None
    n: int
    examples: int | None
    limit: float | None
    verdict: str
    accepted_by: str
    accepted_reason: str
    detectable_1h: float | None
    detectable_1d: float | None
    detectable_7d: float | None
    detectable_unit: str | None

    @property
    def key(self) -> ServiceKey:
        """Its service."""
        return ServiceKey(self.tenant, self.lineage, self.environment, self.service)

    @property
    def row(self) -> tuple[str, str, str]:
        """What the same measure of other services shares with it."""
        return self.unit, self.score, self.slice


@dataclass(frozen=True, slots=True)
class Proposal:
    """A level beside those of other services: ``gap`` is how far it lies above their median."""

    learned: LearnedBaseline
    gap: float | None
    others: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {**asdict(self.learned), "gap": self.gap, "others": self.others}


def proposals(levels: Sequence[LearnedBaseline], wanted: Iterable[LearnedBaseline]) -> list[Proposal]:
    """The ``wanted`` ones among ``levels``, each compared with the other services of its lineage."""
    by_row: dict[tuple[str, str, tuple[str, str, str]], list[LearnedBaseline]] = defaultdict(list)
    for one in levels:
        if one.level is not None:
            by_row[one.tenant, one.lineage, one.row].append(one)
    found = []
    for one in wanted:
        same = by_row[one.tenant, one.lineage, one.row]
        others = [o.level for o in same if o.key != one.key and o.level is not None]
        gap = one.level - median(others) if others and one.level is not None else None
        found.append(Proposal(one, gap, len(others)))
    return found


def accepting(levels: Iterable[LearnedBaseline], actor: str, reason: str) -> list[Control]:
    """Records that make these levels accepted ones: each names the version that the person saw."""
    return [
        Control(
            one.key,
            "accept_level",
            0,
            {
                "unit": one.unit,
                "score": one.score,
                "slice": one.slice,
                "version": one.version,
                "actor": actor,
                "reason": reason,
            },
        )
        for one in levels
    ]


def is_whole(one: LearnedBaseline) -> bool:
    """Whether it is the level of all traffic."""
    return one.slice == ALL
