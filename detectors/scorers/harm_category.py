"""Which hazard of the AILuminate taxonomy (MLCommons) a harmful prompt is about, if that is clear.

A second table with a lane a hazard, folded to fewer buckets, is read for prompts that look harmful only: in
ordinary traffic next to none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
import numpy.typing as npt

from detectors.scorers.features import LANES, packed, sums
from detectors.scorers.heads import in_log_odds, probability, read

FILE = "harm_category"


@dataclass(frozen=True, slots=True)
class Hazards:
    """Weights ``[len(names), buckets]``, a line a hazard, and the ``least`` probability that is clear."""

    names: tuple[str, ...]
    weights: npt.NDArray[np.int8]
    slopes: npt.NDArray[np.float64]
    intercepts: npt.NDArray[np.float64]
    least: float

    @classmethod
    def load(cls) -> Self:
        """The shipped ones."""
        a = read(FILE)
        names = tuple(str(name) for name in a["names"])
        return cls(names, a["weights"], a["slopes"], a["intercepts"], float(a["least"]))

    def tables(self) -> list[npt.NDArray[np.uint64]]:
        """Packed tables of `LANES` hazards each; the last is filled up with zeros."""
        missing = -len(self.names) % LANES
        filled = np.vstack([self.weights, np.zeros((missing, self.weights.shape[1]), dtype=np.int8)])
        return [packed(filled[i : i + LANES]) for i in range(0, len(filled), LANES)]


class HazardReader:
    """Names hazards in batches of texts."""

    def __init__(self, hazards: Hazards) -> None:
        self.hazards = hazards
        self._tables = hazards.tables()

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Probability of each hazard, shape ``[len(texts), len(names)]``."""
        parts = [sums(texts, table) for table in self._tables]
        totals = np.hstack([total for total, _ in parts])[:, : len(self.hazards.names)]
        return probability(in_log_odds(totals, parts[0][1], self.hazards.slopes, self.hazards.intercepts))

    def hazards_of(self, texts: Sequence[str]) -> list[str | None]:
        """The likeliest hazard of each text, ``None`` where none is clear."""
        if not texts:
            return []
        values = self.probabilities(texts)
        best = values.argmax(axis=1)
        clear = values[np.arange(len(texts)), best] >= self.hazards.least
        return [self.hazards.names[b] if c else None for b, c in zip(best, clear, strict=True)]


@cache
def shared() -> HazardReader:
    """The reader of the stream."""
    return HazardReader(Hazards.load())
