"""Fit of a baseline: season, winsorised ticks, and dispersion of block sums at many horizons.

Residuals are cross-fitted (a day is predicted from other days), because in-sample residuals are too small.
A block of L ticks has the sum of its residuals; kappa_L is the ratio of its variance to that of independent
events, known from df_L blocks (fewer when neighbouring blocks are alike). Flags with few events cannot show
their dispersion and have no season: they take a flat rate, and `price` declares a dispersion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from detectors.engine.baseline import DAY_INDEX, FLAG, VALUE, Baseline, block_ticks, bounded_rate
from detectors.engine.season import HourCells, HourGrid, Profile, fit_profile
from detectors.engine.ticks import Bools, Floats, single, whole_days

WINSOR_SD = 4.0
FREE_EVENTS = 1.5
"""So much of a tick's residual is never clipped: where n p is small a single event is far out. One event and
a half, because a tick then weighs no more than the clusters that `price` allows rare flags."""
RARE_EVENTS = 100
MEDIAN_OF_CHI2 = 0.4549
"""Median of a chi-square variable with one degree of freedom."""
LEAST_BLOCKS, LEAST_LONG_BLOCKS = 3, 10
"""So many blocks of up to a day, and of longer ones, are needed to say anything about their dispersion."""
RIM = 0.9
"""A value channel most of whose ticks hold one and the same value still has the spread of the others."""


def fit_flags(n: Floats, s: Floats, first_tick: int, tick_s: int) -> Baseline:
    """Baseline of C flag channels from n events and s hits per tick, arrays of shape (T, C).

    ``first_tick`` is absolute (unix seconds // tick_s). Ticks without events are zeros.

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, or hits are not between 0 and n.
    """
    n, s = _checked(n, s, tick_s)
    if np.any(s < 0) or np.any(s > n):
        raise ValueError("hits of a flag must lie between 0 and the number of events")
    mirrored = 2 * s.sum(1) > n.sum(1)
    return _fit(
        FLAG,
        n,
        np.where(mirrored[:, None], n - s, s),
        first_tick=first_tick,
        tick_s=tick_s,
        mirrored=mirrored,
    )


def fit_values(n: Floats, s: Floats, first_tick: int, tick_s: int) -> Baseline:
    """Baseline of C value channels from n events and the sum s of their values per tick, shape (T, C).

    Raises
    ------
    ValueError
        If shapes differ or values are not finite.
    """
    n, s = _checked(n, s, tick_s)
    return _fit(VALUE, n, s, first_tick=first_tick, tick_s=tick_s, mirrored=np.zeros(len(n), dtype=bool))


def _checked(n: Floats, s: Floats, tick_s: int) -> tuple[Floats, Floats]:
    n, s = np.asarray(n, dtype=float), np.asarray(s, dtype=float)
    if n.ndim != 2 or n.shape != s.shape or not len(n):
        raise ValueError(f"n and s must be (ticks, channels) of one shape, got {n.shape} and {s.shape}")
    if tick_s <= 0:
        raise ValueError(f"tick_s must be positive, got {tick_s}")
    if not (np.isfinite(n).all() and np.isfinite(s).all()):
        raise ValueError("counts and sums must be finite: drop missing values before counting")
    if np.any(n < 0) or np.any(s[n == 0] != 0):
        raise ValueError("counts must not be negative, and a tick without events has no sum")
    # copied, so that strides, and with them the order of sums, do not depend on how many rows there are
    return n.T.copy(order="C"), s.T.copy(order="C")


@dataclass(frozen=True, slots=True)
class _Period:
    """Calendar of one learning period."""

    grid: HourGrid
    days: int

    def cells(self, n: Floats, s: Floats) -> HourCells:
        return HourCells(self.grid.sums(n), self.grid.sums(s), self.grid.weekdays, self.days)

    def at(self, profile: Profile) -> Floats:
        return profile.at(self.grid.hours, self.grid.weekdays[self.grid.day_index])


def _fit(form: str, n: Floats, s: Floats, *, first_tick: int, tick_s: int, mirrored: Bools) -> Baseline:
    rows, length = n.shape
    ticks = first_tick + np.arange(length, dtype=np.int64)
    period = _Period(HourGrid(ticks, tick_s), whole_days(length, tick_s))
    clipped, profile = _winsorised(form, n, s, period)
    m = _cross_fitted(form, n, clipped, profile, period)
    total_n, total_s = n.sum(1), clipped.sum(1)
    rare = np.zeros(rows, dtype=bool)
    if form == FLAG:
        rare = total_s < RARE_EVENTS
        rate = (total_s + 0.5) / (total_n + 1)
        profile = _flattened(profile, rare, rate)
        m = np.where(rare[:, None], rate[:, None], m)
    e = clipped - n * m
    e -= n * (e.sum(1) / np.maximum(total_n, 1))[:, None]
    if form == FLAG:
        event_var = np.ones(rows)
        var = n * m * (1 - m)
    else:
        event_var = _event_variance(e, n, s)
        var = n * event_var[:, None]
        e = _clip(e, 5 * np.sqrt(var))
    k0 = np.maximum(1.0, _robust_variance(e**2 / np.maximum(var, 1e-9), n))
    e = _clip(e, _limit(form, k0, var))
    block_kappa, block_df = _blocks(e, var, profile.week_df, tick_s)
    usual_n, burst_n = _usual_traffic(n, period, tick_s)
    return Baseline(
        form=form,
        tick_s=tick_s,
        level=profile.level,
        hour=single(profile.hour),
        week=single(profile.week),
        k0=k0,
        event_var=event_var,
        block_kappa=single(block_kappa),
        block_df=single(block_df),
        info=(var if form == FLAG else n).mean(1),
        usual_n=usual_n,
        burst_n=burst_n,
        total_s=total_s,
        total_n=total_n,
        mirrored=mirrored,
        rare=rare,
        fit=(total_n > 0) & (period.days >= 1),
        first_tick=np.full(rows, first_tick, dtype=np.int64),
        ticks=np.full(rows, length, dtype=np.int64),
    )


def _flattened(profile: Profile, rare: Bools, rate: Floats) -> Profile:
    """The profile without a season where ``rare``: a cycle of few events is dispersion, and seen as such."""
    effects = ~rare[:, None]
    return Profile(
        np.where(rare, rate, profile.level),
        profile.hour * effects,
        profile.week * effects,
        profile.week_df * ~rare,
    )


def _clip(e: Floats, limit: Floats) -> Floats:
    return np.minimum(np.maximum(e, -limit), limit)


def _limit(form: str, k0: Floats, var: Floats) -> Floats:
    limit = WINSOR_SD * np.sqrt(k0[:, None] * var)
    return np.maximum(limit, FREE_EVENTS) if form == FLAG else limit


def _robust_variance(ratio: Floats, n: Floats, share: float = 0.5) -> Floats:
    """Variance from a quantile of squared residuals, over ticks with events; 0 without any."""
    ordered = np.sort(np.where(n > 0, ratio, np.inf), axis=1)
    ordered[(n > 0).sum(1) == 0] = 0.0
    place = share * np.maximum((n > 0).sum(1) - 1, 0)
    low = np.floor(place).astype(np.int64)
    rows = np.arange(len(ratio))
    below, above = ordered[rows, low], ordered[rows, np.ceil(place).astype(np.int64)]
    out: Floats = (below + (place - low) * (above - below)) / chdtri(1, 1 - share)
    return out


def _event_variance(e: Floats, n: Floats, s: Floats) -> Floats:
    """Variance of one event of a value channel: the larger of two quantiles, as one value may be the rule."""
    ratio = e**2 / np.maximum(n, 1)
    spread = np.maximum(_robust_variance(ratio, n), _robust_variance(ratio, n, RIM))
    return np.maximum(spread, _floor_variance(s, n))


def _floor_variance(s: Floats, n: Floats) -> Floats:
    """A constant channel has no spread of its own: the least step it could show, against division by zero."""
    scale = np.abs(s).sum(1) / np.maximum(n.sum(1), 1)
    out: Floats = (1e-6 * np.maximum(scale, 1e-6)) ** 2
    return out


def _winsorised(form: str, n: Floats, s: Floats, period: _Period) -> tuple[Floats, Profile]:
    clipped, profile = s, fit_profile(period.cells(n, s))
    for _ in range(4):
        m = bounded_rate(period.at(profile), profile.level[:, None], form)
        e = s - n * m
        var = n * m * (1 - m) if form == FLAG else n * _event_variance(e, n, s)[:, None]
        k0 = np.maximum(1.0, _robust_variance(e**2 / np.maximum(var, 1e-9), n))
        clipped = n * m + _clip(e, _limit(form, k0, var))
        profile = fit_profile(period.cells(n, clipped))
    return clipped, profile


def _cross_fitted(form: str, n: Floats, s: Floats, whole: Profile, period: _Period) -> Floats:
    """Expected values where the hour effects of a day come from other days only."""
    grid, cells = period.grid, period.cells(n, s)
    day = np.arange(grid.days)
    folds = [day % 2 == 1, day % 2 == 0] if grid.days > 6 else [day == d for d in day]
    m = np.empty_like(n)
    for held in folds:
        if held.all():
            part = Profile(whole.level, np.zeros_like(whole.hour), whole.week, whole.week_df)
        else:
            kept = round(period.days * float(np.mean(~held)))
            part = fit_profile(cells.of_days(~held, kept))
            part = Profile(whole.level, part.hour, whole.week, whole.week_df)
        at = np.flatnonzero(held[grid.day_index])
        predicted = part.at(grid.hours[at], grid.weekdays[grid.day_index[at]])
        m[:, at] = bounded_rate(predicted, whole.level[:, None], form)
    return m


def _blocks(e: Floats, var: Floats, week_df: Floats, tick_s: int) -> tuple[Floats, Floats]:
    """Dispersion per horizon and the number of independent blocks it rests on (0: too few)."""
    kappas, dfs = [], []
    rows, length = e.shape
    lengths = block_ticks(tick_s)
    for index, size in enumerate(lengths):
        count = length // size
        if count < (LEAST_BLOCKS if index <= DAY_INDEX else LEAST_LONG_BLOCKS):
            kappas.append(np.ones(rows))
            dfs.append(np.zeros(rows))
            continue
        b = e[:, : count * size].reshape(rows, count, size).sum(2)
        v = var[:, : count * size].reshape(rows, count, size).sum(2)
        kappa = (b**2).sum(1) / np.maximum(v.sum(1), 1e-12) * count / (count - 1)
        z = b / np.sqrt(np.maximum(v, 1e-9))
        r = (z[:, 1:] * z[:, :-1]).sum(1) / np.maximum((z**2).sum(1), 1e-12)
        r = np.minimum(np.maximum(r, 0.0), 0.95)
        df = (count - 1) * (1 - r * r) / (1 + r * r)
        spent = week_df * (index == DAY_INDEX)
        kappas.append(kappa * (count - 1) / np.maximum(count - 1 - spent, 1))
        dfs.append(np.maximum(df - spent, 1.0))
    return np.stack(kappas, axis=1), np.stack(dfs, axis=1)


def _usual_traffic(n: Floats, period: _Period, tick_s: int) -> tuple[Floats, Floats]:
    """Busiest hour's mean n per tick with a margin, and the largest n of a single tick that is nothing new.

    Counts scatter by themselves (a tick of three events where half a one is usual is not more traffic), so
    both limits leave room for Poisson scatter, of an hour's mean and of one tick.
    """
    per_hour = np.bincount(period.grid.hours, minlength=24)
    hourly = period.grid.sums(n).sum(1) / np.maximum(per_hour, 1)
    busiest = hourly.max(1)
    smooth_ticks = 2 * max(1.0, 3600 / tick_s)
    usual = np.maximum(1.25 * busiest, busiest + 3 * np.sqrt(busiest / smooth_ticks))
    seen = np.quantile(n, 0.995, axis=1, method="higher")
    burst = np.maximum(np.maximum(1.25 * busiest, busiest + 4 * np.sqrt(busiest) + 2), seen)
    return np.maximum(usual, 1e-9), np.maximum(burst, 1e-9)
