"""What a series stood at: a rate, or a median in the score's own unit, with a 95 % interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from detectors.change.effect import wilson
from detectors.scorers.protocol import ScoreSpec

Z95 = float(ndtri(0.975))
Cells = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Level:
    """A value with its interval and the number of observations; ``None`` where nothing can be said."""

    value: float | None
    low: float | None
    high: float | None
    n: int


NO_LEVEL = Level(None, None, None, 0)


def level(spec: ScoreSpec, cells: Cells, counts: Cells) -> Level:
    """Level of a score from its cells: the rate of a flag, the median of any other number.

    A score of any number that was only ever 0 and 1 is a flag. A category has no level of its own.
    """
    n = int(counts.sum())
    if n == 0 or spec.grid is None:
        return Level(None, None, None, n)
    one = spec.grid.cell(1.0)
    if spec.kind == "flag" or (spec.kind == "real" and np.isin(cells, (spec.grid.cell(0.0), one)).all()):
        hits = float(counts[cells == one].sum())
        low, high = wilson(np.array([float(n)]), np.array([hits]))
        return Level(hits / n, float(low[0]), float(high[0]), n)
    order = np.argsort(cells, kind="stable")
    total = np.cumsum(counts[order])
    half = Z95 * np.sqrt(n) / 2
    least, middle, most = (
        spec.grid.value(int(cells[order[min(int(np.searchsorted(total, k)), len(total) - 1)]]))
        for k in (max(n / 2 - half, 0), n / 2, min(n / 2 + half, n))
    )
    return Level(middle, least, most, n)
