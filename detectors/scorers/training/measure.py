"""How well margins tell labels: area under the ROC curve, and hits at a given rate of false alarms."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def auc(values: Values, labels: Labels) -> float:
    """Chance that a hit is above a miss, ties counted half; not a number where one of them is missing."""
    hits = int(labels.sum())
    misses = len(labels) - hits
    if not hits or not misses:
        return math.nan
    below = np.sort(values[labels == 0])
    lower = np.searchsorted(below, values[labels > 0], "left")
    upper = np.searchsorted(below, values[labels > 0], "right")
    return float((lower + upper).sum() / (2 * hits * misses))


def threshold(misses: Values, rate: float) -> float:
    """The smallest value that at most ``rate`` of the misses are above."""
    if not len(misses):
        return math.nan
    ordered = np.sort(misses)
    return float(ordered[len(ordered) - 1 - int(rate * len(ordered))])


def hits_at(values: Values, labels: Labels, rate: float) -> float:
    """Share of the hits above the threshold that ``rate`` of the misses are above."""
    if not labels.sum() or labels.all():
        return math.nan
    return float((values[labels > 0] > threshold(values[labels == 0], rate)).mean())
