"""Are two versions of the scorers one generation? Decided on a frozen reference set, never by drift.

A new version of a scorer may move every series it feeds. The same reference records are scored by both: a
score on which they agree for at least `AGREE` of the records stays in its generation, and its series keep
their baselines. Otherwise its ``generation`` must rise: series of the score start anew, with what stored
text says when it is scored again (`lightship rescore`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detectors.scorers.protocol import Scores, ScoreSpec

AGREE = 0.99
"""Least share of the reference records."""
LEAST_RECORDS = 100
"""A score that applies to fewer records of the set cannot be judged by it."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How one score of two versions compares: ``same`` of the ``n`` records to which it applies in either."""

    score: str
    n: int
    same: int

    @property
    def one_generation(self) -> bool | None:
        """Whether values are comparable; ``None`` where too few records say anything."""
        return None if self.n < LEAST_RECORDS else self.same >= AGREE * self.n


def agrees(spec: ScoreSpec, old: float | str | None, new: float | str | None) -> bool:
    """Whether two values count alike: the same name, or the same cell of the grid or the next one to it.

    A flag has to be the same, and a score that does not apply any more is another.
    """
    if old is None or new is None or spec.grid is None:
        return old == new
    if isinstance(old, str) or isinstance(new, str):
        return old == new
    room = 0 if spec.kind == "flag" else 1
    return abs(spec.grid.cell(old) - spec.grid.cell(new)) <= room


def compare(specs: Mapping[str, ScoreSpec], old: Sequence[Scores], new: Sequence[Scores]) -> list[Agreement]:
    """Agreement of every score that either version gives, by name.

    Raises
    ------
    ValueError
        If the two are not of the same records.
    """
    if len(old) != len(new):
        raise ValueError(f"scores of {len(old)} and of {len(new)} records cannot be compared")
    names = sorted({name for scores in (*old, *new) for name in scores} & set(specs))
    found = []
    for name in names:
        pairs = [(a.get(name), b.get(name)) for a, b in zip(old, new, strict=True) if name in a or name in b]
        same = sum(agrees(specs[name], a, b) for a, b in pairs)
        found.append(Agreement(name, len(pairs), same))
    return found
