"""What a unit of evidence is worth: the divisor of each alternative's log-likelihood ratio, and what fades.

kappa_j is the smallest divisor for which sums over blocks of a quarter of an hour to months push the
statistic over its threshold no more often than the budget e^-h allows, when the dispersion of a block is
known only from df reference blocks: (1 + 2 X / (df k))^(-df/2) = e^-h, the right-Haar (Student t) predictive
of a variance (Perez-Ortiz, Lardy, de Heide, Grunwald 2024). X is then turned into a rate by the inverse
Cramer function of a count, or for gross alternatives of an event, which ends where all events or none are
hits; where dispersion is that of a level that wanders, rises reach further. Assumption that breaks first:
dispersion after learning is that of learning.

Horizons nobody has seen, or where days differ much, would make every change dear, also one that needs an
hour. So part of a gross alternative's gain may *fade*: each event takes away fade_j, which keeps the mean of
the likelihood ratio at most one, and a block of L ticks must then gather that much more to cross. It takes
the part with which it is found soonest.

A dispersion that is well known is paid in full: an alternative that is not gross costs at least the largest
kappa that the horizons up to its own delay have for certain, two standard deviations below what was measured.

Three cases cannot show their dispersion and may take a *declared* one (never below what was measured): flags
with few events; and, where it is the smaller of the two prices, any channel in its first fortnight, whose day
sums are too few, and traffic no one has seen yet. Declared: clusters of 1.5 events (what a winsorised tick
can weigh; fewer where a few days show it) and a level that wanders by `FLAG_WANDER` or `VALUE_WANDER`,
kappa_L = 1.5 + I L wander^2. The guarantee is then as good as that declaration. In the first week an unseen
weekend is added to what the blocks say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import lambertw

from detectors.engine.baseline import DAY_INDEX, FLAG, Baseline, block_ticks
from detectors.engine.ticks import Bools, Floats, Singles

ODDS: Floats = np.array([1 / 8, 1 / 4, 1 / 2, 2 / 3, 4 / 5, 5 / 4, 3 / 2, 2, 3, 5, 10, 30, 100])
"""Alternatives of a flag: odds after a change over odds before."""
SHIFTS: Floats = np.array([-1.6, -0.8, -0.4, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6])
"""Alternatives of a value channel: shift in standard deviations of one event."""
TRAFFIC = (1.0, 4.0, 16.0)
"""Multiples of usual traffic at which kappa is solved: shared effects do not average out over more events."""
FADES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""Parts of an alternative's own gain that may fade; the one with the shortest delay is taken."""
BETWEEN = 0.9
"""What is true may lie between two alternatives: it gains less than either would."""
WANDER_SHARE = 0.7
"""Of the dispersion beyond independent events, so much is taken for wander of the level in log odds, whose
rises reach further than those of counts; the rest for clusters."""
GROSS = float(np.log(2.5))
"""Log odds from which a change of a flag is gross: it needs hours where others need days."""
CERTAIN_SD = 2.0
"""So many standard deviations below what was measured a dispersion is certain."""
NEWTON_STEPS = 12
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


@dataclass(frozen=True, slots=True)
class Price:
    """What evidence costs: a tick's log-likelihood ratio l_j is worth l_j / kappa_j less fade_j an event.

    ``kappa`` (3, J, C) at 1, 4 and 16 times usual traffic, ``fade`` (J, C).
    """

    kappa: Singles
    fade: Singles


def price(baseline: Baseline, h: Floats) -> Price:
    """Price of evidence for thresholds ``h`` = log(1 / w) per row.

    Raises
    ------
    ValueError
        If a threshold is not above 1.
    """
    h = np.broadcast_to(np.asarray(h, dtype=float), (len(baseline),))
    if not np.all(h > 1):
        raise ValueError(f"thresholds must be above 1, got {h.min()}")
    gain = gain_per_event(baseline)
    usual = baseline.info / event_info(baseline)
    known = _Dispersion.of(baseline, h)
    demands = [_demands(baseline, h, f, known) for f in TRAFFIC]
    tried = np.stack([_divisor(demands[0], a * gain * usual) for a in FADES])
    worth = BETWEEN / tried - np.array(FADES)[:, None, None]
    if baseline.form == FLAG:  # what takes days may not fade in hours
        worth[1:, np.abs(np.log(ODDS)) < GROSS] = -np.inf
    best = worth.argmax(0)
    fade = np.array(FADES)[best] * gain
    at = [
        np.take_along_axis(tried, best[None], 0)[0],
        *(_divisor(demand, fade * usual * f) for demand, f in zip(demands[1:], TRAFFIC[1:], strict=True)),
    ]
    at[0] = np.maximum(at[0], _certain(baseline, h, gain * usual, known.measured))
    kappa = np.maximum.accumulate(np.stack(at), axis=0)
    return Price(kappa.astype(np.float32), fade.astype(np.float32))


def event_info(b: Baseline) -> Floats:
    """Information of one event per row, in the unit of ``info``."""
    if b.form != FLAG:
        return np.ones(len(b))
    return np.maximum(b.level * (1 - b.level), 1e-12)


def gain_per_event(b: Baseline) -> Floats:
    """Mean of an event's log-likelihood ratio when its alternative is true, (J, C)."""
    if b.form != FLAG:
        return np.broadcast_to(SHIFTS[:, None] ** 2 / 2, (len(SHIFTS), len(b)))
    q, o = np.clip(b.level, 1e-12, 1 - 1e-12), ODDS[:, None]
    after = o * q / (1 + (o - 1) * q)
    return np.asarray(after * np.log(o) - np.log1p((o - 1) * q), dtype=float)


@dataclass(frozen=True, slots=True)
class _Demand:
    """Of one horizon: the evidence a block may gather by chance (J, C), and what it may come to (C,)."""

    ticks: int
    evidence: Floats
    patience: Floats


def _demands(b: Baseline, h: Floats, f: float, known: _Dispersion) -> list[_Demand]:
    info = b.info * f
    size, drift = _alternatives(b, info)
    out = []
    for ticks, measured, assumed in zip(_horizons(b), known.measured, known.assumed, strict=True):
        slack = 2 + 2 * np.clip((measured.kappa - 1.2) / 0.3, 0, 1)
        level = np.maximum(h - np.maximum(0, np.log(ticks / slack)), 1.0)
        patience = np.maximum(h - np.maximum(0, np.log(ticks / h)), 1.0)
        blocks, prior = measured.at(f), assumed.at(f)
        by_blocks, by_prior = blocks.largest(level), prior.largest(level)
        declared = b.rare | ((known.young | (f > 1)) & (by_prior < by_blocks))
        x = np.maximum(np.where(declared, by_prior, by_blocks), level)
        wander = np.where(declared, 0.0, WANDER_SHARE * (1 - 1 / np.maximum(blocks.kappa, 1.0)))
        u = _excess(b, x / np.maximum(info * ticks, 1e-12), size, wander)
        out.append(_Demand(ticks, np.abs(size) * info * ticks * u - ticks * drift, patience))
    return out


def _certain(b: Baseline, h: Floats, gain_per_tick: Floats, measured: Sequence[_Known]) -> Floats:
    """Dispersion that horizons no longer than an alternative's delay have for certain, (J, C)."""
    out = np.ones_like(gain_per_tick)
    for known, ticks in zip(measured, _horizons(b), strict=True):
        error = np.sqrt(2 / np.maximum(known.df, 1e-9))
        kappa = np.where((known.df > 0) & ~b.rare, known.kappa * np.maximum(1 - CERTAIN_SD * error, 0), 1.0)
        reach = h * np.maximum(kappa, 1.0) / np.maximum(gain_per_tick, 1e-12)
        out = np.where(ticks <= reach, np.maximum(out, kappa), out)
    if b.form == FLAG:
        out[np.abs(np.log(ODDS)) >= GROSS] = 1.0
    return out


def _divisor(demands: Sequence[_Demand], fade_per_tick: Floats) -> Floats:
    """Smallest divisor, at least 1, with which no horizon gathers more than it may."""
    kappa = np.ones_like(demands[0].evidence)
    for d in demands:
        kappa = np.maximum(kappa, d.evidence / (d.patience + fade_per_tick * d.ticks))
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


@dataclass(frozen=True, slots=True)
class _Dispersion:
    """Of every horizon: measured, and declared for where that says too little; ``young`` rows are."""

    measured: list[_Known]
    assumed: list[_Known]
    young: Bools

    @classmethod
    def of(cls, b: Baseline, h: Floats) -> _Dispersion:
        """What is known of the rows of a baseline, for thresholds ``h``."""
        measured = _measured(b)
        young = b.ticks * b.tick_s < YOUNG_S
        # a quarter of an hour shows how events cluster also in a few days
        finest = np.clip(measured[0].largest(h) / h, 1.0, RARE_KAPPA)
        clusters = np.where(young & ~b.rare, finest, RARE_KAPPA)
        return cls(measured, _assumed(b, clusters, measured), young)


def _measured(b: Baseline) -> list[_Known]:
    """From the blocks of the learning period; beyond the longest of them kappa(L) = kappa_inf - C / L.

    Longer blocks than a day only ever raise kappa, and never lend their few df to it.
    """
    ticks = _horizons(b)
    kappas, dfs = b.block_kappa.astype(float), b.block_df.astype(float)
    out = [_Known(kappas[:, i], dfs[:, i]) for i in range(DAY_INDEX + 1)]
    df = dfs[:, DAY_INDEX]
    half, whole = np.full(len(b), ticks[DAY_INDEX - 1]), np.full(len(b), ticks[DAY_INDEX])
    before, last = kappas[:, DAY_INDEX - 1], kappas[:, DAY_INDEX]
    for i in range(DAY_INDEX + 1, len(ticks)):
        slope = np.clip(last - before, 0, last) / np.maximum(1 / half - 1 / whole, 1e-12)
        slope = np.where((df > 0) & (half < whole), slope, 0.0)
        further = last + slope * (1 / whole - 1 / ticks[i])
        seen = dfs[:, i] > 0
        kappa = np.where(seen, np.maximum(kappas[:, i], further), further)
        out.append(_Known(kappa, df))
        before, half = np.where(seen, last, before), np.where(seen, whole, half)
        last, whole = np.where(seen, kappa, last), np.where(seen, ticks[i], whole)
    unseen = np.where(b.ticks * b.tick_s < WEEK_S, b.info * _wander(b) ** 2, 0.0)
    return [_Known(k.kappa + unseen * t, k.df) for k, t in zip(out, ticks, strict=True)]


def _assumed(b: Baseline, clusters: Floats, measured: Sequence[_Known]) -> list[_Known]:
    """Declared dispersion: counts a little clustered, and a level that wanders by a declared amount.

    Where what was measured contradicts it by more than it scatters, that is taken instead, as well as it is
    known: from no more blocks than there are clusters of events.
    """
    out = []
    events = np.maximum(b.events, 1.0)
    for seen, ticks in zip(_extended(b, measured), _horizons(b), strict=True):
        declared = clusters + b.info * ticks * _wander(b) ** 2
        scatter = np.sqrt(2 / seen.df + 1 / events)
        contradicted = seen.kappa > declared * (1 + CONTRADICTED_SD * scatter)
        independent = np.maximum(events / np.maximum(seen.kappa, 1.0), 1.0)
        df = np.where(contradicted, np.minimum(seen.df, independent), ASSUMED_DF)
        out.append(_Known(np.where(contradicted, seen.kappa, declared), df))
    return out


def _extended(b: Baseline, of_blocks: Sequence[_Known]) -> list[_Known]:
    """Measured dispersion that never falls with the horizon, and grows on to a day where blocks end."""
    out: list[_Known] = []
    known, slope, df = np.ones(len(b)), np.zeros(len(b)), np.ones(len(b))
    ticks = _horizons(b)
    last, day = 1, ticks[DAY_INDEX]
    for measured, size in zip(of_blocks, ticks, strict=True):
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


def _excess(b: Baseline, z: Floats, size: Floats, wander: Floats) -> Floats:
    """Relative deviation of a block whose Cramer function is ``z``, per alternative.

    Of a gross one the part ``wander`` is the level's, which moves in log odds, the rest that of the events at
    that level. Where deviations are small the parts do not matter, and the function of a count is as good.
    """
    normal = np.sqrt(2 * z)
    if b.form != FLAG:
        return np.broadcast_to(normal, (len(size), len(z)))
    q = np.clip(b.level, 1e-12, 1 - 1e-12)
    counts = np.expm1(1 + lambertw((z - 1) / np.e).real)
    counts = np.where(z < 1e-6, normal, np.maximum(counts, normal))
    small = np.where(size > 0, np.minimum(counts, 1 / q), np.minimum(normal, 1 / (1 - q)))
    var = q * (1 - q)
    odds = np.exp(np.minimum(wander * normal, 30))
    moved = np.minimum(odds * q / (1 + (odds - 1) * q), 1 - 1e-12)
    up, down = rate_beyond(moved, (1 - wander) ** 2 * z * var, 1) - q, q - rate_beyond(q, z * var, -1)
    return np.where(np.abs(size) < GROSS, small, np.where(size > 0, up, down) / var)


def rate_beyond(q: Floats, divergence: Floats, side: int) -> Floats:
    """The rate above (1) or below (-1) ``q`` that is so far away: inverse Cramer function of one event.

    Newton's method from Bernstein's bound: the function is convex and that side of the root, so that it only
    ever comes nearer.
    """
    if side > 0:
        x = q + divergence / 3 + np.sqrt((divergence / 3) ** 2 + 2 * q * divergence)
        limit, whole = -np.log(q), 1.0
    else:
        x = q - np.sqrt(2 * q * divergence)
        limit, whole = -np.log1p(-q), 0.0
    x = np.clip(x, 1e-13, 1 - 1e-13)
    for _ in range(NEWTON_STEPS):
        slope = np.log(x / q) - np.log1p(-x) + np.log1p(-q)
        excess = x * slope + np.log1p(-x) - np.log1p(-q) - divergence
        x = np.clip(x - excess / np.where(slope == 0, 1.0, slope), 1e-13, 1 - 1e-13)
    return np.where(divergence >= limit, whole, x)
