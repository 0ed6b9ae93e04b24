"""Dispersion of metrics that wander: prices, temperatures, levels of fill.

A metric has no reason to return to a level, and a learning period only shows how far it went in so much time.
Two things are added to what was measured. Where block sums still grow with their length at the end of the
period, longer blocks are given the dispersion that this growth leads to: a random walk goes on. And in the
first fortnight, horizons of which too few blocks were seen are given a declared wander of `DECLARED` standard
deviations of one value, known as well as from `DECLARED_DF` blocks. Jumps are not held back by either: they
are seen value by value (`points`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detectors.engine.baseline import DAY_INDEX, Baseline, block_ticks
from detectors.engine.price import RARE_KAPPA, YOUNG_S
from detectors.engine.ticks import Floats

GROWS = 0.6
"""Exponent of growth that is taken for wander; independent blocks have none, a random walk has one."""
BLOCKS = 3
"""Longest measured horizons the growth is read from."""
DECLARED, DECLARED_DF = 0.15, 100.0
FEW_DF = 5.0
"""Fewer independent blocks than this say too little of their dispersion."""


def with_wander(baseline: Baseline) -> Baseline:
    """The one row of ``baseline`` as that of a metric."""
    kappa, df = baseline.block_kappa.copy(), baseline.block_df.copy()
    _grow(np.array(block_ticks(baseline.tick_s), dtype=float), kappa[0], df[0])
    ticks = baseline.ticks
    young = int(ticks[0]) * baseline.tick_s < YOUNG_S
    if young:
        _declare(baseline, kappa[0], df[0])
        ticks = np.full_like(ticks, -(-YOUNG_S // baseline.tick_s))  # it says all that is to be assumed
    return replace(baseline, block_kappa=kappa, block_df=df, ticks=ticks)


def _grow(lengths: Floats, kappa: Floats, df: Floats) -> None:
    """Fill in horizons beyond the measured ones, in place."""
    seen = np.flatnonzero(df > 0)
    if not len(seen):
        return
    last = seen[np.unique(lengths[seen], return_index=True)[1]][-BLOCKS:]
    if len(last) < BLOCKS:
        return
    where = np.log(lengths)
    growth = float(np.polyfit(where[last], np.log(np.maximum(kappa[last], 1e-9)), 1)[0])
    if growth < GROWS or kappa[last[-1]] <= 1:
        return
    beyond = np.arange(last[-1] + 1, len(lengths))
    kappa[beyond] = kappa[last[-1]] * np.exp(min(growth, 1.0) * (where[beyond] - where[last[-1]]))
    df[beyond] = 1.0


def _declare(b: Baseline, kappa: Floats, df: Floats) -> None:
    """Fill in horizons of which too few blocks were seen, in place."""
    declared = RARE_KAPPA + b.info[0] * np.array(block_ticks(b.tick_s)) * DECLARED**2
    poor = df < FEW_DF
    kappa[poor] = np.maximum(np.where(df[poor] > 0, kappa[poor], 0.0), declared[poor])
    df[poor] = DECLARED_DF
    df[DAY_INDEX:] = max(df[DAY_INDEX], FEW_DF)


def as_dispersed(baseline: Baseline, location: Baseline) -> Baseline:
    """A baseline with at least the dispersion of the location.

    How far values lie from the middle depends on where they wander, but excursions are too few for the
    learning period to show it.
    """
    return replace(
        baseline,
        block_kappa=np.maximum(baseline.block_kappa, location.block_kappa),
        block_df=np.where(
            baseline.block_df > 0, np.minimum(baseline.block_df, location.block_df), location.block_df
        ),
    )
