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

from detectors.drift.baseline import DAY_INDEX, FLAG, Baseline, block_ticks
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
CONTRADICTED_SD = 2.5
"""A measured dispersion so many of its standard deviations above the declared one contradicts it."""
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
    return list(block_ticks(b.tick_s))


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
    """From the blocks of the learning period; beyond the longest of them kappa(L) = kappa_inf - C / L.

    Longer blocks than a day only ever raise kappa, and never lend their few df to it.
    """
    ticks = _horizons(b)
    out = [_Known(b.block_kappa[:, i], b.block_df[:, i]) for i in range(DAY_INDEX + 1)]
    df = b.block_df[:, DAY_INDEX]
    half, whole = np.full(len(b), ticks[DAY_INDEX - 1]), np.full(len(b), ticks[DAY_INDEX])
    before, last = b.block_kappa[:, DAY_INDEX - 1], b.block_kappa[:, DAY_INDEX]
    for i in range(DAY_INDEX + 1, len(ticks)):
        slope = np.clip(last - before, 0, last) / np.maximum(1 / half - 1 / whole, 1e-12)
        slope = np.where((df > 0) & (half < whole), slope, 0.0)
        further = last + slope * (1 / whole - 1 / ticks[i])
        seen = b.block_df[:, i] > 0
        kappa = np.where(seen, np.maximum(b.block_kappa[:, i], further), further)
        out.append(_Known(kappa, df))
        before, half = np.where(seen, last, before), np.where(seen, whole, half)
        last, whole = np.where(seen, kappa, last), np.where(seen, ticks[i], whole)
    unseen = np.where(b.ticks * b.tick_s < WEEK_S, b.info * _wander(b) ** 2, 0.0)
    return [_Known(k.kappa + unseen * t, k.df) for k, t in zip(out, ticks, strict=True)]


def _assumed(b: Baseline) -> list[_Known]:
    """Declared dispersion: counts a little clustered, and a level that wanders by a declared amount.

    Where what was measured contradicts it by more than it scatters, that is taken instead, as well as it is
    known: from no more blocks than there are clusters of events.
    """
    out = []
    events = np.maximum(b.total_s if b.form == FLAG else b.total_n, 1.0)
    for seen, ticks in zip(_extended(b), _horizons(b), strict=True):
        declared = RARE_KAPPA + b.info * ticks * _wander(b) ** 2
        scatter = np.sqrt(2 / seen.df + 1 / events)
        contradicted = seen.kappa > declared * (1 + CONTRADICTED_SD * scatter)
        clusters = np.maximum(events / np.maximum(seen.kappa, 1.0), 1.0)
        df = np.where(contradicted, np.minimum(seen.df, clusters), ASSUMED_DF)
        out.append(_Known(np.where(contradicted, seen.kappa, declared), df))
    return out


def _extended(b: Baseline) -> list[_Known]:
    """Measured dispersion that never falls with the horizon, and grows on to a day where blocks end."""
    out: list[_Known] = []
    known, slope, df = np.ones(len(b)), np.zeros(len(b)), np.ones(len(b))
    ticks = _horizons(b)
    last, day = 1, ticks[DAY_INDEX]
    for measured, size in zip(_measured(b), ticks, strict=True):
        seen = measured.df > 0
        df = np.where(seen, measured.df, df)
        if size <= day:
            further = np.minimum(known + slope * (size - last), known * size / last)
            kappa = np.where(seen, np.maximum(measured.kappa, known), further)
            slope = np.where(seen & (size > last), (kappa - known) / max(size - last, 1), slope)
            known, last = kappa, size
        else:
            further = known + slope * day / 2 * (1 - day / size)
            kappa = np.where(seen, np.maximum(measured.kappa, known), further)
        out.append(_Known(kappa, df))
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
