"""What a baseline says of the upper tail of a value: its begin, how often and how unevenly it is hit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.engine.baseline import HORIZONS_S, Baseline
from detectors.engine.ticks import HOUR_S
from detectors.fast.tail_bank import WINDOW

WANDER_SD = 2.0
"""The rate of an hour or a day that is nothing to tell, in standard deviations of such rates."""


@dataclass(frozen=True, slots=True)
class Tail:
    """A value in cell ``cut`` or above is a hit.

    ``p_high`` is the highest usual rate of hits, ``kappa`` the dispersion of their number in a quarter of an
    hour, which had ``usual`` calls.
    """

    cut: int
    p_high: float
    kappa: float
    usual: float

    @classmethod
    def of(cls, cut: int, highest: float, baseline: Baseline) -> Tail:
        """From the one row of a baseline of the rate of hits; ``highest`` is that of its weekly profile."""
        b = baseline
        per_tick = float(b.total_n[0]) / max(int(b.ticks[0]), 1)
        known = b.block_df[0] > 0
        doubt = np.where(known, np.sqrt(2 / np.maximum(b.block_df[0], 1.0)), 0.0)
        kappas = np.where(known, b.block_kappa[0], 1.0).astype(float)
        kappa = max(1.0, float(b.k0[0]), float(kappas[0] * (1 + doubt[0])))
        long = np.array([s >= HOUR_S for s in HORIZONS_S]) & known
        calls = np.maximum(per_tick * np.array(HORIZONS_S) / b.tick_s, 1.0)
        spread = (
            np.maximum(kappas - 1, 0.0) / calls * np.minimum(highest, 0.5) * (1 - np.minimum(highest, 0.5))
        )
        wander = float(np.sqrt(np.where(long, spread, 0.0).max()))
        p_high = min(highest + WANDER_SD * wander, 1.0)
        return cls(cut, p_high, kappa, max(per_tick * WINDOW * 60 / b.tick_s, 1.0))
