"""Simulated services for the detection harness: (ticks, series) of events and hits or sums, 5-minute ticks.

Everything an operator would not call an incident can be switched on: cycles, days that differ, memory,
conversations that share a rate, retries, storms of one user, traffic that swings or steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAY = 288
TICK_S = 300
MONDAY = 4 * 86_400 // TICK_S


@dataclass(frozen=True, slots=True)
class Stream:
    """Effects are in log odds (flags) or standard deviations of one event (values).

    ``rate`` is None for values. ``daily``, ``weekend``, ``job`` (one hour a night), ``day_sd``, ``memory``
    (lag-one correlation) with ``memory_sd``; ``swing`` is the log of the daily traffic swing, ``cluster`` the
    events that share one outcome, ``conversation`` those that share a rate with correlation ``icc``;
    ``storms`` is the chance per tick of one user repeating one hit 60 times; ``step`` multiplies traffic
    after learning.
    """

    rate: float | None = 0.05
    events: float = 20.0
    daily: float = 0.0
    weekend: float = 0.0
    job: float = 0.0
    day_sd: float = 0.0
    memory: float = 0.0
    memory_sd: float = 0.0
    swing: float = 0.0
    cluster: int = 1
    conversation: int = 1
    icc: float = 0.0
    storms: float = 0.0
    step: float = 1.0
    heavy: bool = False


def draw(
    stream: Stream,
    rng: np.random.Generator,
    series: int,
    *,
    learn: int,
    watch: int,
    shift: float = 0.0,
    at: int = 0,
    after: float | None = None,
) -> tuple[Floats, Floats]:
    """Ticks of ``learn`` and ``watch`` days; from tick ``at`` the level is shifted or the rate ``after``."""
    ticks = (learn + watch) * DAY
    t = np.arange(ticks)
    level = stream.daily * np.sin(2 * np.pi * t / DAY) + stream.weekend * ((t // DAY) % 7 >= 5)
    level = level + stream.job * ((t % DAY) < 12)
    x = np.repeat(level[:, None], series, axis=1)
    if stream.day_sd:
        x += np.repeat(rng.normal(0, stream.day_sd, (learn + watch, series)), DAY, axis=0)
    if stream.memory_sd:
        x += _memory(rng, ticks, series, stream.memory, stream.memory_sd)
    x += (t >= at)[:, None] * shift
    traffic = stream.events * np.exp(stream.swing * np.sin(2 * np.pi * (t - 40) / DAY))
    traffic = np.where(t >= learn * DAY, traffic * stream.step, traffic)
    arriving = np.repeat(traffic[:, None], series, axis=1)
    if stream.rate is None:
        return _values(stream, rng, arriving, x)
    base = np.full(ticks, stream.rate)
    if after is not None:
        base[t >= at] = after
    with np.errstate(divide="ignore"):
        x += np.log(base / (1 - base))[:, None]
    n, s = _hits(stream, rng, arriving, 1 / (1 + np.exp(-x)))
    if stream.storms:
        storm = rng.random((ticks, series)) < stream.storms
        n, s = n + 60 * storm, s + 60 * storm
    return n.astype(float), s.astype(float)


def _memory(rng: np.random.Generator, ticks: int, series: int, lag: float, sd: float) -> Floats:
    noise = rng.normal(0, sd * np.sqrt(1 - lag**2), (ticks, series))
    out, last = np.empty((ticks, series)), rng.normal(0, sd, series)
    for i in range(ticks):
        last = lag * last + noise[i]
        out[i] = last
    return out


def _values(stream: Stream, rng: np.random.Generator, arriving: Floats, x: Floats) -> tuple[Floats, Floats]:
    n = rng.poisson(arriving).astype(float)
    if not stream.heavy:
        return n, n * x + np.sqrt(n) * rng.standard_normal(n.shape)
    s = np.zeros_like(n)
    for k in range(int(n.max())):
        s += (n > k) * (x + rng.standard_t(2.5, n.shape) / 1.5)
    return n, s


def _hits(stream: Stream, rng: np.random.Generator, arriving: Floats, p: Floats) -> tuple[Floats, Floats]:
    if stream.conversation > 1:
        talks = rng.poisson(arriving / stream.conversation)
        s, shared = np.zeros(p.shape), 1 / stream.icc - 1
        for k in range(int(talks.max())):
            on = talks > k
            rate = rng.beta(p[on] * shared, (1 - p[on]) * shared)
            s[on] += rng.binomial(stream.conversation, rate)
        return (talks * stream.conversation).astype(float), s
    units = rng.poisson(arriving / stream.cluster)
    return (units * stream.cluster).astype(float), (rng.binomial(units, p) * stream.cluster).astype(float)
