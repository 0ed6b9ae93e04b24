"""What of a closed tick history and detectors see: no more of one user than counts, and no slice twice."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from detectors.counts.aggregate import TickCounts
from detectors.engine.ticks import Ints


def weighed(counts: TickCounts, redundant: Collection[int]) -> tuple[Ints, Ints, Ints]:
    """Series, cells and counts of one tick, without the series that only repeat others."""
    series, cells = np.array(counts.series, dtype=np.int64), np.array(counts.cells, dtype=np.int64)
    numbers = np.array(counts.counts, dtype=np.int64) - np.array(counts.beyond, dtype=np.int64)
    keep = numbers > 0
    if redundant:
        keep &= np.array([number not in redundant for number in counts.series], dtype=bool)
    return series[keep], cells[keep], numbers[keep]
