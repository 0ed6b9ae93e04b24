"""Heads: learned weights over the shared features, and the probabilities they give.

A head is one byte a bucket (`weights/<name>.npz`) with a straight line that turns its sum into log odds,
fitted on texts it had not seen. Beside each file lies its model card. All heads are read by one gather, so
that a text costs the same for one of them and for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.scorers.features import BUCKETS, LANES, packed, sums

NAMES = ("injection", "harm", "toxicity", "refusal", "image_unsafe")
"""Heads by lane of the shared table."""

MOST_CERTAIN = 30.0
"""Log odds beyond which nothing is told apart."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Head:
    """One learned score: weights by bucket, and the line from a text's weighted sum to log odds.

    With ``s`` the sum of the whole-numbered weights of a text of ``n`` grams, its log odds are
    ``slope * s / sqrt(n) + intercept``.
    """

    name: str
    weights: npt.NDArray[np.int8]
    slope: float
    intercept: float

    def __post_init__(self) -> None:
        if self.weights.shape != (BUCKETS,) or self.weights.dtype != np.int8:
            raise ValueError(f"head {self.name!r} has weights {self.weights.dtype}{self.weights.shape}")
        if not self.slope > 0:
            raise ValueError(f"head {self.name!r} has slope {self.slope}: it would rank backwards")

    @property
    def fingerprint(self) -> str:
        """16 hex digits of weights and line, for the model card to name."""
        line = np.array([self.slope, self.intercept], dtype="<f8").tobytes()
        return sha256(self.weights.tobytes() + line).hexdigest()[:16]


class Heads:
    """Up to `LANES` heads in one table."""

    def __init__(self, heads: Sequence[Head]) -> None:
        if len(heads) > LANES:
            raise ValueError(f"{len(heads)} heads do not fit into {LANES} lanes")
        weights = np.zeros((LANES, BUCKETS), dtype=np.int8)
        for lane, head in enumerate(heads):
            weights[lane] = head.weights
        self.names = tuple(head.name for head in heads)
        self.lanes = {name: lane for lane, name in enumerate(self.names)}
        self._table = packed(weights)
        self._slopes = np.array([head.slope for head in heads])
        self._intercepts = np.array([head.intercept for head in heads])

    def log_odds(self, texts: Sequence[str]) -> Floats:
        """Log odds of each text (normalised already) for each head, shape ``[len(texts), len(names)]``."""
        totals, counts = sums(texts, self._table)
        return in_log_odds(totals[:, : len(self.names)], counts, self._slopes, self._intercepts)

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Probabilities in 0..1, same shape as `log_odds`."""
        return probability(self.log_odds(texts))


def in_log_odds(
    totals: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], slopes: Floats, intercepts: Floats
) -> Floats:
    """Log odds of texts from sums of weights, ``[texts, heads]``, and numbers of grams, ``[texts]``."""
    found: Floats = np.clip(
        totals / np.sqrt(counts)[:, None] * slopes + intercepts, -MOST_CERTAIN, MOST_CERTAIN
    )
    return found


def probability(log_odds: Floats) -> Floats:
    """Probabilities of log odds."""
    found: Floats = 1 / (1 + np.exp(-log_odds))
    return found


def folder() -> Traversable:
    """Where weights and model cards lie."""
    return files("detectors.scorers").joinpath("weights")


def read(name: str) -> Mapping[str, npt.NDArray[Any]]:
    """Arrays of one file of weights."""
    with folder().joinpath(f"{name}.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


@cache
def load(name: str) -> Head:
    """A head by its name."""
    arrays = read(name)
    return Head(name, arrays["weights"], float(arrays["slope"]), float(arrays["intercept"]))


@cache
def shared() -> Heads:
    """All heads of the stream."""
    return Heads([load(name) for name in NAMES])
