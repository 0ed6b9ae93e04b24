"""Scores that go with another one, output by output. Pure.

Spearman's rank correlation (ties at their middle rank) with Fisher's interval, its variance by Bonett and
Wright (2000); the intervals hold together over all scores that were looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.measures import intervals
from dashboard.queries.outputs import Output

LEAST = 50
"""Outputs with both scores below which nothing is said."""


@dataclass(frozen=True, slots=True)
class Companion:
    """``rho`` in -1..1 with its interval, over ``n`` outputs that have both scores."""

    score: str
    rho: float
    low: float
    high: float
    n: int


def companions(rows: Sequence[Output], score: str) -> list[Companion]:
    """Scores whose correlation with ``score`` is not nothing, the strongest first."""
    mine = [row.scores for row in rows if score in row.scores]
    others = sorted({name for scores in mine for name in scores} - {score})
    known = [(name, _pairs(mine, score, name)) for name in others]
    enough = [(name, x, y) for name, (x, y) in known if len(x) >= LEAST and np.ptp(x) > 0 and np.ptp(y) > 0]
    confidence = intervals.together(len(enough))
    found = [_companion(name, x, y, confidence) for name, x, y in enough]
    clear = [c for c in found if c.low > 0 or c.high < 0]
    return sorted(clear, key=lambda c: (-abs(c.rho), c.score))


def _pairs(rows: Sequence[Mapping[str, float]], score: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(row[score], row[name]) for row in rows if name in row]
    both = np.array([p for p in pairs if math.isfinite(p[0]) and math.isfinite(p[1])], dtype=float)
    return (both[:, 0], both[:, 1]) if len(both) else (np.zeros(0), np.zeros(0))


def _companion(name: str, x: np.ndarray, y: np.ndarray, confidence: float) -> Companion:
    rho = float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])
    rho = min(0.999999, max(-0.999999, rho))
    half = intervals.normal_quantile(confidence) * math.sqrt((1 + rho * rho / 2) / (len(x) - 3))
    z = math.atanh(rho)
    return Companion(name, rho, math.tanh(z - half), math.tanh(z + half), len(x))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share their middle rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: np.ndarray = (last - (counts - 1) / 2)[place]
    return middle
