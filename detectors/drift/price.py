"""How much a unit of evidence is worth: kappa_j, the divisor of each alternative's log-likelihood ratio.

kappa_j is the smallest number for which sums over blocks of a quarter of an hour to a week push the
statistic over its threshold no more often than the budget e^-h allows, when the dispersion of a block is
known only from df reference blocks: (1 + 2 X / (df k))^(-df/2) = e^-h, the right-Haar (Student t) predictive
of a variance (Perez-Ortiz, Lardy, de Heide, Grunwald 2024). X is then turned into a count by the exact
inverse of the Poisson Cramer function. Assumption that breaks first: dispersion after learning is that of
learning.

Where too few blocks of a length exist, its dispersion is bounded by that of shorter ones: a sum of m blocks
varies at most m times as much as if they were independent (perfect correlation, Cauchy-Schwarz), so
kappa_(m L) <= m kappa_L.
"""

from __future__ import annotations

import numpy as np
from scipy.special import lambertw

from detectors.drift.baseline import FLAG, HORIZONS_S, LONG_HORIZONS_S, Baseline
from detectors.drift.ticks import Floats

ODDS: Floats = np.array([1 / 8, 1 / 4, 1 / 2, 2 / 3, 4 / 5, 5 / 4, 3 / 2, 2, 3, 5, 10, 30, 100])
"""Alternatives of a flag: odds after a change over odds before."""
SHIFTS: Floats = np.array([-1.6, -0.8, -0.4, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6])
"""Alternatives of a value channel: shift in standard deviations of one event."""
TRAFFIC = (1.0, 4.0, 16.0)
"""Multiples of usual traffic at which kappa is solved: shared effects do not average out over more events."""
DF_FLOOR = 0.2


def price(baseline: Baseline, h: Floats) -> Floats:
    """Divisors (J, C, 3) for thresholds ``h`` = log(1 / w) per row, at 1, 4 and 16 times usual traffic.

    Raises
    ------
    ValueError
        If a threshold is not above 1.
    """
    h = np.broadcast_to(np.asarray(h, dtype=float), (len(baseline),))
    if not np.all(h > 1):
        raise ValueError(f"thresholds must be above 1, got {h.min()}")
    at = [_price(baseline, h, f) for f in TRAFFIC]
    return np.maximum.accumulate(np.stack(at, axis=2), axis=2)


def _price(b: Baseline, h: Floats, f: float) -> Floats:
    info = b.info * f
    size, drift = _alternatives(b, info)
    kappa = np.ones_like(drift)
    k, df_f, k_f = _dispersion(b, f)
    for index, horizon_s in enumerate(HORIZONS_S + LONG_HORIZONS_S):
        ticks = max(1, round(horizon_s / b.tick_s))
        slack = 2 + 2 * np.clip((k[index] - 1.2) / 0.3, 0, 1)
        level = np.maximum(h - np.maximum(0, np.log(ticks / slack)), 1.0)
        patience = np.maximum(h - np.maximum(0, np.log(ticks / h)), 1.0)
        x = np.maximum(_largest(k_f, df_f, b.tick_s, index, level), level)
        u = _excess(b, x / np.maximum(info * ticks, 1e-12), size)
        kappa = np.maximum(kappa, (np.abs(size) * info * ticks * u - ticks * drift) / patience)
    return kappa


def _alternatives(b: Baseline, info: Floats) -> tuple[Floats, Floats]:
    """Per alternative (J, 1 or C): its size, and the evidence a tick without any excess takes away."""
    if b.form != FLAG:
        return SHIFTS[:, None], info * SHIFTS[:, None] ** 2 / 2
    q, o = b.level, ODDS[:, None]
    n = info / np.maximum(q * (1 - q), 1e-12)
    size = np.log(o)
    return size, n * (np.log1p((o - 1) * q) - size * q)


def _dispersion(b: Baseline, f: float) -> tuple[list[Floats], list[Floats], list[Floats]]:
    """Per horizon (C,): measured kappa, df at traffic f, kappa at traffic f."""
    k, df = list(b.block_kappa.T), list(b.block_df.T)
    grows = np.clip(k[-1] - k[-2], 0, k[-1]) * (df[-1] > 0)
    day = HORIZONS_S[-1]
    for horizon_s in LONG_HORIZONS_S:
        k.append(b.block_kappa[:, -1] + grows * (1 - day / horizon_s))
        df.append(b.block_df[:, -1])
    k_one = [np.maximum(x, 1.0) for x in k]
    k_f = [1 + (x - 1) * f for x in k_one]
    df_f = [d * np.maximum((kf / (f * k1)) ** 2, DF_FLOOR) for d, kf, k1 in zip(df, k_f, k_one, strict=True)]
    return k, df_f, k_f


def _largest(k: list[Floats], df: list[Floats], tick_s: int, index: int, level: Floats) -> Floats:
    """X: what a squared block sum over twice its variance may reach, by its own or by shorter blocks."""
    horizons = HORIZONS_S + LONG_HORIZONS_S
    ticks = [max(1, round(s / tick_s)) for s in horizons]
    best = np.full_like(level, 1e9)
    for shorter in range(index + 1):
        safe = np.maximum(df[shorter], 0.1)
        x = k[shorter] * safe / 2 * np.expm1(np.minimum(2 * level / safe, 50))
        x = np.where(df[shorter] > 0, x * ticks[index] / ticks[shorter], 1e9)
        best = np.minimum(best, x)
    return best


def _excess(b: Baseline, z: Floats, size: Floats) -> Floats:
    """Relative deviation of a block whose Cramer function is ``z``, per alternative."""
    normal = np.sqrt(2 * z)
    if b.form != FLAG:
        return np.broadcast_to(normal, (len(size), len(z)))
    poisson = np.expm1(1 + lambertw((z - 1) / np.e).real)
    poisson = np.where(z < 1e-6, normal, np.maximum(poisson, normal))
    up = np.minimum(poisson, 1 / np.maximum(b.level, 1e-12))
    down = np.minimum(normal, 1 / (1 - b.level))
    return np.where(size > 0, up, down)
