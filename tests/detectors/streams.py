"""Simulated ticks of many series at once: (ticks, series) of events and hits or sums."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.engine.dispersion import fit_flags, fit_values
from detectors.engine.shiryaev_roberts import FlagBank, ValueBank

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
TICK_S = 300
DAY = 288
MONDAY = 4 * 86_400 // TICK_S
"""First tick of a Monday (5 January 1970)."""


def flags(
    rng: np.random.Generator,
    rate: float,
    *,
    days: float = 28,
    series: int = 100,
    events: float = 20.0,
    after: float | None = None,
    change_day: float = 14.0,
    daily: float = 0.0,
    day_sd: float = 0.0,
    ar: tuple[float, float] | None = None,
    cluster: int = 1,
    step: float = 1.0,
) -> tuple[Floats, Floats]:
    """Hits among Poisson events. Effects are in log odds; ``ar`` is (lag-one correlation, sd).

    ``after`` is the rate from ``change_day`` on, ``step`` the traffic from there in multiples; ``cluster``
    events at a time share one outcome.
    """
    ticks = int(days * DAY)
    t = np.arange(ticks)
    base = np.full(ticks, rate)
    if after is not None:
        base[t >= change_day * DAY] = after
    with np.errstate(divide="ignore"):
        odds = np.log(base / (1 - base)) + daily * np.sin(2 * np.pi * t / DAY)
    effect = np.repeat(odds[:, None], series, axis=1)
    if day_sd:
        effect += np.repeat(rng.normal(0, day_sd, (ticks // DAY + 1, series)), DAY, axis=0)[:ticks]
    if ar is not None:
        effect += autoregressive(rng, ticks, series, *ar)
    traffic = np.where(t >= change_day * DAY, step, 1.0) * events / cluster
    n = rng.poisson(traffic[:, None] * np.ones(series))
    s = rng.binomial(n, 1 / (1 + np.exp(-effect)))
    return (n * cluster).astype(float), (s * cluster).astype(float)


def values(
    rng: np.random.Generator,
    *,
    days: float = 28,
    series: int = 100,
    events: float = 20.0,
    shift: float = 0.0,
    change_day: float = 14.0,
    ar: tuple[float, float] | None = None,
) -> tuple[Floats, Floats]:
    """Sums of standard normal values of Poisson events; ``shift`` from ``change_day`` on."""
    ticks = int(days * DAY)
    mean = np.where(np.arange(ticks) >= change_day * DAY, shift, 0.0)[:, None] * np.ones(series)
    if ar is not None:
        mean = mean + autoregressive(rng, ticks, series, *ar)
    n = rng.poisson(events, (ticks, series)).astype(float)
    return n, n * mean + np.sqrt(n) * rng.standard_normal((ticks, series))


def autoregressive(rng: np.random.Generator, ticks: int, series: int, lag: float, sd: float) -> Floats:
    """Stationary AR(1) paths (ticks, series)."""
    noise = rng.normal(0, sd * np.sqrt(1 - lag**2), (ticks, series))
    out = np.empty((ticks, series))
    last = rng.normal(0, sd, series)
    for i in range(ticks):
        last = lag * last + noise[i]
        out[i] = last
    return out


def first_crossing(form: str, n: Floats, s: Floats, h: float, *, learn_days: float = 14.0) -> Ints:
    """Ticks from the end of learning to each series' first page at threshold ``h``; -1 for none."""
    learn = int(learn_days * DAY)
    bank: FlagBank | ValueBank
    if form == "flag":
        bank, baseline = FlagBank(TICK_S), fit_flags(n[:learn], s[:learn], MONDAY, TICK_S)
    else:
        bank, baseline = ValueBank(TICK_S), fit_values(n[:learn], s[:learn], MONDAY, TICK_S)
    bank.append(baseline, float(np.exp(-h)))
    first = np.full(n.shape[1], -1, dtype=np.int64)
    for t in range(learn, len(n)):
        rows = bank.update(MONDAY + t, n[t], s[t]).rows
        new = rows[first[rows] < 0]
        first[new] = t - learn
    return first
