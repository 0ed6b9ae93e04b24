"""Conformal p-values of single values, from the counts of a reference on a grid.

p = (1 + values at least as far out) / (reference + 1): if value and reference are exchangeable, p <= a
happens with probability at most a, whatever the distribution (Vovk, Gammerman, Shafer 2005). All values of a
cell count as equal, so p is conservative. Where nothing of the reference lies so far out, a generalised
Pareto tail (Pickands 1975) of the largest tenth goes on below 1 / (reference + 1): that part is a model, and
the assumption that breaks first. Arrays are over values, float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # noqa: TID253 - of one command alone

Floats = NDArray[np.float64]
TAIL_SHARE = 0.1
LEAST_EXCEEDANCES = 100
SHAPE = (0.0, 0.5)
"""Shapes are held between these. A tail that ends is taken for an exponential one: where it ends is a guess,
and one that ends too early would call ordinary values impossible."""
LEAST_P = 1e-12


@dataclass(frozen=True, slots=True)
class Reference:
    """``values`` (K) ascending, what each cell stands for; ``counts`` (K) seen of it.

    Raises
    ------
    ValueError
        If lengths differ, values do not ascend, or nothing was seen.
    """

    values: Floats
    counts: Floats

    def __post_init__(self) -> None:
        if self.values.shape != self.counts.shape or np.any(np.diff(self.values) <= 0):
            raise ValueError("a reference needs ascending values and as many counts")
        if not (np.isfinite(self.counts).all() and np.all(self.counts >= 0) and self.counts.sum() > 0):
            raise ValueError("a reference needs counts of which some are positive")

    @property
    def n(self) -> float:
        """How much was seen."""
        return float(self.counts.sum())

    def mirrored(self) -> Reference:
        """The same seen from the other side."""
        return Reference(-self.values[::-1], self.counts[::-1])

    def p_high(self, x: Floats) -> Floats:
        """p-value of each of ``x`` being as large as it is."""
        above = np.append(np.cumsum(self.counts[::-1])[::-1], 0.0)
        at_least = above[np.searchsorted(self.values, x, side="left")]
        p = (1 + at_least) / (self.n + 1)
        beyond = at_least == 0
        if beyond.any():
            p[beyond] = np.minimum(p[beyond], self._tail(x[beyond]))
        return np.asarray(np.maximum(p, LEAST_P), dtype=float)

    def p_either(self, x: Floats) -> Floats:
        """p-value of each of ``x`` being as far out as it is, on either side."""
        both = np.minimum(self.p_high(x), self.mirrored().p_high(-x))
        return np.asarray(np.minimum(2 * both, 1.0), dtype=float)

    def _tail(self, x: Floats) -> Floats:
        """Survival beyond the reference; 1 where it has too few values for a tail."""
        above = np.cumsum(self.counts[::-1])[::-1]
        fits = np.flatnonzero(above <= TAIL_SHARE * self.n)
        if not len(fits) or fits[0] == 0 or above[fits[0]] < LEAST_EXCEEDANCES:
            return np.ones(len(x))
        begin = int(fits[0])
        start = float(self.values[begin - 1])
        excess, weight = self.values[begin:] - start, self.counts[begin:]
        mean = float(np.average(excess, weights=weight))
        variance = float(np.average((excess - mean) ** 2, weights=weight))
        shape = 0.5 * (1 - mean**2 / variance) if variance > 0 else SHAPE[0]
        shape = min(max(shape, SHAPE[0]), SHAPE[1])
        survival = stats.genpareto.sf(x - start, shape, scale=mean * (1 - shape))
        return np.asarray(above[begin] / self.n * survival, dtype=float)


def combined(p: Sequence[Floats]) -> Floats:
    """One p-value per output from those of its scores, NaN where a score does not apply.

    Harmonic mean times e log K (at least 2) for K scores: holds whatever they have in common (Vovk and Wang
    2020), and scores that say nothing, of which flags have many, take little from one that does. (A Cauchy
    combination was tried: a single p of 1 outweighs everything.) 1 where no score applies.
    """
    stacked = np.stack(p)
    known = np.isfinite(stacked)
    count = known.sum(0)
    inverse = np.where(known, 1 / np.where(known, np.maximum(stacked, LEAST_P), 1.0), 0.0).sum(0)
    factor = np.where(count > 1, np.maximum(2.0, np.e * np.log(np.maximum(count, 1))), 1.0)
    return np.where(count > 0, np.minimum(factor * count / np.maximum(inverse, 1.0), 1.0), 1.0)


def discoveries(p: Floats) -> Floats:
    """Adjusted p-values (Benjamini and Yekutieli 2001): those at most q have an expected false share of q.

    For one day's outputs looked at once, whatever they have in common; not for a monitor that runs for ever.
    """
    if not len(p):
        return np.zeros(0)
    return np.asarray(stats.false_discovery_control(p, method="by"), dtype=float)
