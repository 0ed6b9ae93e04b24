"""How far two baselines of one channel lie apart, and what that allows: no difference, a drift, or neither.

Differences are in log odds (flags) or in standard deviations of one event (values), the season taken out,
with a standard error from the largest dispersion that either of the two showed and Student's t with the
blocks that rests on. Equivalence is shown by an interval inside the indifference band (two one-sided tests,
Schuirmann 1987), never by the absence of a significant difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from detectors.engine.baseline import FLAG, MIN_RATE, Baseline
from detectors.engine.price import ODDS, RARE_KAPPA, SHIFTS

BANDS = {"flag": float(np.log(ODDS[ODDS > 1].min())), "value": float(SHIFTS[SHIFTS > 0].min())}
"""Indifference: half-width per form. Nothing smaller is watched for."""
LEAST_DF = 3.0


@dataclass(frozen=True, slots=True)
class LevelEstimate:
    """Level of one channel in its own scale, its standard error, and the blocks the error rests on."""

    form: str
    level: float
    error: float
    df: float

    @classmethod
    def of(cls, baseline: Baseline, unit: float | None = None) -> LevelEstimate:
        """Standing of a baseline of one row; ``unit`` is the spread of an event to measure values in.

        Raises
        ------
        ValueError
            If there is not exactly one row.
        """
        if len(baseline) != 1:
            raise ValueError(f"one channel stands at a time, got {len(baseline)}")
        n, kappa = float(baseline.total_n[0]), float(baseline.long_run[0])
        known = baseline.block_df[0][baseline.block_df[0] > 0]
        df = max(float(known.min(initial=1e6)), LEAST_DF)
        if baseline.form != FLAG:
            sd = float(np.sqrt(baseline.event_var[0])) if unit is None else unit
            return cls(baseline.form, float(baseline.level[0]) / sd, float(np.sqrt(kappa / n)), df)
        p = max(float(baseline.level[0]), 0.5 / (n + 1), MIN_RATE)
        sign = -1.0 if baseline.mirrored[0] else 1.0
        error = np.sqrt(max(kappa, RARE_KAPPA) / (n * p * (1 - p)))
        return cls(baseline.form, sign * float(np.log(p / (1 - p))), float(error), df)


@dataclass(frozen=True, slots=True)
class Difference:
    """``value`` of the newer less the older, with its standard error."""

    form: str
    value: float
    error: float
    df: float

    @classmethod
    def between(cls, older: LevelEstimate, newer: LevelEstimate) -> Difference:
        """Of two standings of one channel."""
        error = float(np.hypot(older.error, newer.error))
        return cls(older.form, newer.level - older.level, error, min(older.df, newer.df))

    def is_nothing(self) -> bool:
        """Whether the 95 % interval lies inside the band."""
        return abs(self.value) + float(stdtrit(self.df, 0.975)) * self.error <= BANDS[self.form]

    def evidence(self) -> float:
        """Minus the logarithm of the two-sided p-value of lying at the edge of the band or inside."""
        t = (abs(self.value) - BANDS[self.form]) / self.error
        with np.errstate(divide="ignore"):  # beyond what a float holds it is infinite
            return float(-np.log(2) - np.log(stdtr(self.df, -t))) if t > 0 else 0.0
