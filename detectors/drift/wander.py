"""Dispersion of metrics that wander: prices, temperatures, levels of fill.

Where block sums still grow with their length at the end of the learning period, they go on growing: a random
walk has no level to return to, and a learning period only shows how far it went in so much time. Longer
blocks are given the dispersion that the growth of the longest measured ones leads to.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detectors.drift.baseline import Baseline, block_ticks

GROWS = 0.6
"""Exponent of growth that is taken for wander; independent blocks have none, a random walk has one."""
BLOCKS = 3
"""Longest measured horizons the growth is read from."""


def with_wander(baseline: Baseline) -> Baseline:
    """The one row of ``baseline`` with the dispersion of horizons beyond its learning period filled in."""
    lengths = np.log(block_ticks(baseline.tick_s))
    kappa, df = baseline.block_kappa.copy(), baseline.block_df.copy()
    seen = np.flatnonzero(df[0] > 0)
    seen = seen[np.unique(lengths[seen], return_index=True)[1]] if len(seen) else seen
    last = seen[-BLOCKS:]
    if len(last) < BLOCKS:
        return baseline
    log_kappa = np.log(np.maximum(kappa[0, last], 1e-9))
    growth = float(np.polyfit(lengths[last], log_kappa, 1)[0])
    if growth < GROWS or kappa[0, last[-1]] <= 1:
        return baseline
    beyond = np.arange(last[-1] + 1, len(lengths))
    kappa[0, beyond] = kappa[0, last[-1]] * np.exp(min(growth, 1.0) * (lengths[beyond] - lengths[last[-1]]))
    df[0, beyond] = 1.0
    return replace(baseline, block_kappa=kappa, block_df=df)
