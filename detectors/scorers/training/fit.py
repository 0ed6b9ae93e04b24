"""Logistic regression on hashed grams: L-BFGS to convergence, weights rounded to one byte.

Classes are balanced (each counts as much as the other) and weights have an L2 penalty that is the smaller the
rarer a gram is: common grams tell genres apart, rare ones what is asked for, and a head that leans on genre
fails on the next one. What such a fit and a plain one get wrong differs, so their sum ranks better than
either; it is as linear as they are and costs nothing when it is used. A fit that stops before it has
converged costs more quality than any choice of features, so it is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.optimize import minimize

from detectors.scorers.features import BUCKETS, EDGE, encoded, hashed

Vector = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

STEEPEST = 2e-6
"""Largest slope, of a loss whose samples weigh 1 together, at which a fit counts as converged."""
MOST_STEPS = 2_000
RARITY = 2.0
"""Power of the logarithm of texts per text with a gram, by which its feature grows, where nothing else is
said."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights by bucket and a constant; ``steps`` the optimiser took."""

    weights: Vector
    bias: float
    steps: int

    def margins(self, x: Any) -> Vector:
        """Log odds of each row of features, under balanced classes."""
        return np.asarray(x @ self.weights + self.bias, dtype=np.float64)

    def plus(self, other: Fit, share: float, x: Any) -> Fit:
        """The sum with another, scaled so that its margins of ``x`` spread ``share`` times as wide."""
        size = share * self.margins(x).std() / other.margins(x).std()
        return Fit(
            self.weights + size * other.weights, self.bias + size * other.bias, self.steps + other.steps
        )


def features(texts: Sequence[str]) -> Any:
    """Counts of grams over the square root of their number: a sparse matrix ``[len(texts), BUCKETS]``."""
    edge = bytes(EDGE)
    indices: list[npt.NDArray[np.int32]] = []
    values: list[npt.NDArray[np.float32]] = []
    ends = np.zeros(len(texts) + 1, dtype=np.int64)
    for i, text in enumerate(texts):
        found = hashed(edge + encoded(text) + edge)
        at, n = np.unique(found, return_counts=True)
        indices.append(at.astype(np.int32))
        values.append((n / np.sqrt(found.size)).astype(np.float32))
        ends[i + 1] = ends[i] + len(at)
    return sp.csr_matrix((np.concatenate(values), np.concatenate(indices), ends), shape=(len(texts), BUCKETS))


def fit(
    x: Any, labels: Labels, c: float, sample_weights: Vector | None = None, *, rarity: float = RARITY
) -> Fit:
    """The fit of ``labels`` (0 or 1) with inverse penalty ``c`` for as many samples.

    ``rarity`` is the power of the logarithm of texts per text with a gram, by which its feature grows; at 0
    all count the same.

    Raises
    ------
    RuntimeError
        If the optimiser did not converge.
    """
    y = labels.astype(np.float64)
    given = np.ones(len(y)) if sample_weights is None else sample_weights
    balance = np.where(y > 0, 0.5 / given[y > 0].sum(), 0.5 / given[y == 0].sum())
    shares = given * balance  # they add up to 1
    texts_with = np.bincount(x.indices, minlength=x.shape[1])
    used = np.flatnonzero(texts_with)
    scale = np.log((x.shape[0] + 1) / (texts_with[used] + 1)) ** rarity
    scale /= scale.mean()
    small = (x[:, used].astype(np.float64) @ sp.diags(scale)).tocsr()
    turned = small.T.tocsr()
    penalty = 1.0 / (c * len(y))

    def loss(parameters: Vector) -> tuple[float, Vector]:
        weights, bias = parameters[:-1], parameters[-1]
        z = small @ weights + bias
        value = shares @ np.logaddexp(0, np.where(y > 0, -z, z)) + 0.5 * penalty * weights @ weights
        slopes = shares * (1 / (1 + np.exp(-np.clip(z, -500, 500))) - y)
        return float(value), np.append(turned @ slopes + penalty * weights, slopes.sum())

    found = minimize(
        loss,
        np.zeros(len(used) + 1),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MOST_STEPS, "maxfun": 2 * MOST_STEPS, "ftol": 1e-12, "gtol": STEEPEST},
    )
    slope = float(np.abs(found.jac).max())
    if not found.success or slope > 2 * STEEPEST:
        raise RuntimeError(f"no convergence after {found.nit} steps: {found.message}, slope {slope:.2g}")
    weights = np.zeros(x.shape[1])
    weights[used] = found.x[:-1] * scale
    return Fit(weights, float(found.x[-1]), int(found.nit))


def line(margins: Vector, labels: Labels, prior: float) -> tuple[float, float]:
    """Slope and intercept that turn margins into log odds (Platt 1999, with his smoothed labels).

    The odds are those where ``prior`` of all texts are hits: held rows have far more hits than any traffic.

    Raises
    ------
    RuntimeError
        If the optimiser did not converge, or margins rank backwards.
    """
    hits = int(labels.sum())
    misses = len(labels) - hits
    target = np.where(labels > 0, (hits + 1) / (hits + 2), 1 / (misses + 2))

    def loss(parameters: Vector) -> tuple[float, Vector]:
        z = parameters[0] * margins + parameters[1]
        value = np.mean(np.logaddexp(0, z) - target * z)
        slopes = (1 / (1 + np.exp(-np.clip(z, -500, 500))) - target) / len(z)
        return float(value), np.array([slopes @ margins, slopes.sum()])

    start = np.array([1.0, np.log((hits + 1) / (misses + 1))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-7, "ftol": 1e-14})
    if not found.success or found.x[0] <= 0:
        raise RuntimeError(f"no line through the margins: {found.message}, slope {found.x[0]:.3g}")
    shift = np.log(prior / (1 - prior)) - np.log(hits / misses)
    return float(found.x[0]), float(found.x[1] + shift)


def rounded(weights: Vector) -> tuple[npt.NDArray[np.int8], float]:
    """Weights as whole numbers -127..127, and what one of them is worth.

    Few large ones are cut so that the many small ones keep their digits.
    """
    sizes = np.abs(weights[weights != 0])
    unit = float(np.quantile(sizes, 0.9995)) / 127 if len(sizes) else 1.0
    return np.clip(np.rint(weights / unit), -127, 127).astype(np.int8), unit
