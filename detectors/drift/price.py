"""How much a unit of evidence is worth: kappa_j, the divisor of each alternative's log-likelihood ratio.

kappa_j is the smallest number for which sums over blocks of a quarter of an hour to a week push the
statistic over its threshold no more often than the budget e^-h allows, when the dispersion of a block is
known only from df reference blocks: (1 + 2 X / (df k))^(-df/2) = e^-h, the right-Haar (Student t) predictive
of a variance (Perez-Ortiz, Lardy, de Heide, Grunwald 2024). X is then turned into a count by the exact
inverse of the Poisson Cramer function. Assumption that breaks first: dispersion after learning is that of
learning.

Three cases cannot show their dispersion and may take a *declared* one (never below what was measured): flags
with few events; and, where it is the smaller of the two prices, any channel in its first fortnight, whose day
sums are too few, and traffic no one has seen yet. Declared: clusters of 1.5 events (what a winsorised tick
can weigh) and a level that wanders by `FLAG_WANDER` or `VALUE_WANDER`, kappa_L = 1.5 + I L wander^2. The
guarantee is then as good as that declaration. In the first week an unseen weekend is added to what the blocks
say.
"""

from __future__ import annotations

from dataclasses import dataclass

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
"""Least share of df left where unseen traffic magnifies the error of the excess."""
UNKNOWN = 1e9
WEEK_S = 604_800
YOUNG_S = 14 * 86_400
"""Below this age the day's dispersion rests on too few days: the declared one may stand in for it."""
RARE_KAPPA = 1.5
ASSUMED_DF = 1e6
FLAG_WANDER = 0.3
"""Declared standard deviation of slow wander and of an unseen weekend, in log odds (flags)."""
VALUE_WANDER = 0.15
"""The same for value channels, in standard deviations of one event."""


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
    measured, assumed = _measured(b), _assumed(b)
    young = b.ticks * b.tick_s < YOUNG_S
    for index, ticks in enumerate(_horizons(b)):
        slack = 2 + 2 * np.clip((measured[index].kappa - 1.2) / 0.3, 0, 1)
        level = np.maximum(h - np.maximum(0, np.log(ticks / slack)), 1.0)
        patience = np.maximum(h - np.maximum(0, np.log(ticks / h)), 1.0)
        by_blocks = measured[index].at(f).largest(level)
        by_prior = assumed[index].at(f).largest(level)
        x = np.where(young | (f > 1), np.minimum(by_blocks, by_prior), by_blocks)
        x = np.where(b.rare, by_prior, x)
        x = np.maximum(x, level)
        u = _excess(b, x / np.maximum(info * ticks, 1e-12), size)
        kappa = np.maximum(kappa, (np.abs(size) * info * ticks * u - ticks * drift) / patience)
    return kappa


def _horizons(b: Baseline) -> list[int]:
    return [max(1, round(s / b.tick_s)) for s in HORIZONS_S + LONG_HORIZONS_S]


@dataclass(frozen=True, slots=True)
class _Known:
    """Dispersion of one horizon, per row, and the number of blocks that say so (0: nothing known)."""

    kappa: Floats
    df: Floats

    def at(self, f: float) -> _Known:
        """At ``f`` times the traffic: the excess grows with it, and with the excess its error."""
        one = np.maximum(self.kappa, 1.0)
        more = 1 + (one - 1) * f
        return _Known(more, self.df * np.maximum((more / (f * one)) ** 2, DF_FLOOR))

    def largest(self, level: Floats) -> Floats:
        """What a squared block sum over twice its variance may reach with probability e^-level."""
        df = np.maximum(self.df, 0.1)
        x = self.kappa * df / 2 * np.expm1(np.minimum(2 * level / df, 50))
        return np.where(self.df > 0, x, UNKNOWN)


def _measured(b: Baseline) -> list[_Known]:
    """From the blocks of the learning period; beyond a day kappa(L) = kappa_inf - C / L."""
    kappa, df = list(b.block_kappa.T), list(b.block_df.T)
    grows = np.clip(kappa[-1] - kappa[-2], 0, kappa[-1]) * (df[-1] > 0)
    day = HORIZONS_S[-1]
    for horizon_s in LONG_HORIZONS_S:
        kappa.append(b.block_kappa[:, -1] + grows * (1 - day / horizon_s))
        df.append(b.block_df[:, -1])
    unseen = np.where(b.ticks * b.tick_s < WEEK_S, b.info * _wander(b) ** 2, 0.0)
    return [_Known(k + unseen * t, d) for k, d, t in zip(kappa, df, _horizons(b), strict=True)]


def _assumed(b: Baseline) -> list[_Known]:
    """Declared dispersion: counts a little clustered, and a level that wanders by a declared amount."""
    declared = [RARE_KAPPA + b.info * ticks * _wander(b) ** 2 for ticks in _horizons(b)]
    df = np.full(len(b), ASSUMED_DF)
    return [_Known(np.maximum(k, seen), df) for k, seen in zip(declared, _extended(b), strict=True)]


def _extended(b: Baseline) -> list[Floats]:
    """Measured dispersion that never falls with the horizon, and grows on to a day where blocks end."""
    out: list[Floats] = []
    known, slope = np.ones(len(b)), np.zeros(len(b))
    last, day = 1, _horizons(b)[len(HORIZONS_S) - 1]
    for measured, ticks in zip(_measured(b), _horizons(b), strict=True):
        seen = measured.df > 0
        if ticks <= day:
            further = np.minimum(known + slope * (ticks - last), known * ticks / last)
            kappa = np.where(seen, np.maximum(measured.kappa, known), further)
            slope = np.where(seen & (ticks > last), (kappa - known) / max(ticks - last, 1), slope)
            known, last = kappa, ticks
        else:
            further = known + slope * day / 2 * (1 - day / ticks)
            kappa = np.where(seen, np.maximum(measured.kappa, known), further)
        out.append(kappa)
    return out


def _wander(b: Baseline) -> float:
    return FLAG_WANDER if b.form == FLAG else VALUE_WANDER


def _alternatives(b: Baseline, info: Floats) -> tuple[Floats, Floats]:
    """Per alternative (J, 1 or C): its size, and the evidence a tick without any excess takes away."""
    if b.form != FLAG:
        return SHIFTS[:, None], info * SHIFTS[:, None] ** 2 / 2
    q, o = b.level, ODDS[:, None]
    n = info / np.maximum(q * (1 - q), 1e-12)
    size = np.log(o)
    return size, n * (np.log1p((o - 1) * q) - size * q)


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
