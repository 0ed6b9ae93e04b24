"""Which channels a series is watched through, and what each cell of its grid counts in them.

A channel turns the cells of a score into a rate or a mean, so that per tick only (n, s) is needed:

- flag: the rate of hits.
- positive, bounded: *location*, the mean normal score of the baseline's quantile group (35 groups, robust to
  any tail), and *tail*, the rate of values beyond the upper 5 %. Where one cell holds much of the baseline
  (exact zeros, small whole numbers) normal scores are mostly ties, so the rates *above* and *below* that cell
  are watched instead of location.
- bounded, where a rise harms (the probability of an attack): besides, *far*, the rate of values beyond the
  upper half per cent. Attacks are rare: 2 % of them make 5 % in the tail 7 %, but half a per cent 2.5 %.
- category: the rate of each of the commonest levels, and of everything else (also levels never seen).

Tables are frozen with the baseline they were made from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from detectors.engine.baseline import FLAG, VALUE
from detectors.engine.ticks import Floats, Ints
from detectors.scorers.protocol import ScoreSpec

QUANTILE_GROUPS = 35
MODE_SHARE = 0.25
"""Share of one cell from which on a distribution is treated as discrete."""
TAIL = 0.05
FAR_TAIL = 0.005
FAR_VALUES = 10
"""Least that a baseline must have in the far tail: fewer do not tell where it begins."""
TOP_LEVELS = 7


@dataclass(frozen=True, slots=True)
class Channel:
    """``table`` gives what one count of each cell adds to s; cells past its end count as the last."""

    name: str
    form: str
    table: Floats

    def sums(self, cells: npt.NDArray[np.integer], counts: npt.NDArray[np.integer]) -> tuple[float, float]:
        """(n, s) of some counted cells."""
        value = self.table[np.minimum(cells, len(self.table) - 1)]
        return float(counts.sum()), float((value * counts).sum())


def plan(spec: ScoreSpec, histogram: Ints, levels: int = 0) -> tuple[Channel, ...]:
    """Channels of a series from its baseline's ``histogram`` (counts per cell).

    ``levels`` is how many names a category has had so far.
    """
    if spec.kind == "flag":
        return (Channel("rate", FLAG, np.array([0.0, 1.0])),)
    if spec.kind == "category":
        return _levels(histogram, levels)
    assert spec.grid is not None  # noqa: S101 - only categories have none
    full = np.zeros(spec.grid.cells, dtype=np.int64)
    full[: len(histogram)] = histogram
    total = int(full.sum())
    if total == 0:
        return ()
    cell, mode = np.arange(len(full)), int(full.argmax())
    edge = int(np.searchsorted(np.cumsum(full), (1 - TAIL) * total))
    tail = Channel("tail", FLAG, (cell > edge).astype(float))
    far = _far(spec, full, edge)
    if full[mode] < MODE_SHARE * total:
        return Channel("location", VALUE, _normal_scores(full)), tail, *far
    channels = [Channel("above", FLAG, (cell > mode).astype(float))]
    if mode > 0:
        channels.append(Channel("below", FLAG, (cell < mode).astype(float)))
    if edge > mode:
        channels.append(tail)
    return (*channels, *far)


def _far(spec: ScoreSpec, histogram: Ints, edge: int) -> tuple[Channel, ...]:
    """The far tail beyond ``edge``, where the score is one of harm and the baseline long enough to tell."""
    total = int(histogram.sum())
    if spec.kind != "bounded" or spec.harmful <= 0 or FAR_TAIL * total < FAR_VALUES:
        return ()
    far = int(np.searchsorted(np.cumsum(histogram), (1 - FAR_TAIL) * total))
    if not edge < far < len(histogram) - 1:
        return ()
    return (Channel("far", FLAG, (np.arange(len(histogram)) > far).astype(float)),)


def _normal_scores(histogram: Ints) -> Floats:
    """Normal score of the quantile group of each cell; cells never seen take their place in the order."""
    total = histogram.sum()
    middle = (np.cumsum(histogram) - histogram / 2) / total
    group = np.minimum(np.floor(middle * QUANTILE_GROUPS), QUANTILE_GROUPS - 1)
    scores: Floats = ndtri((group + 0.5) / QUANTILE_GROUPS)
    return scores


def _levels(histogram: Ints, levels: int) -> tuple[Channel, ...]:
    size = max(levels, len(histogram)) + 1  # the last cell stands for names that come later
    full = np.zeros(size, dtype=np.int64)
    full[: len(histogram)] = histogram
    order = np.argsort(-full, kind="stable")
    top = [int(c) for c in order[:TOP_LEVELS] if full[c] > 0]
    other = np.ones(size)
    other[top] = 0.0
    channels = [Channel(f"level:{c}", FLAG, np.eye(1, size, c)[0]) for c in top]
    return (*channels, Channel("other", FLAG, other))
