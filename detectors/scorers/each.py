"""A scorer that reads one record at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from detectors.record import Record
from detectors.scorers.protocol import Scores, ScoreSpec


@dataclass(frozen=True, slots=True)
class EachRecord:
    """Implements `Scorer` with a pure function of one record."""

    name: str
    version: str
    specs: tuple[ScoreSpec, ...]
    score_one: Callable[[Record], Scores]

    def score(self, records: Sequence[Record]) -> list[Scores]:
        """Values of each record."""
        return [self.score_one(record) for record in records]
