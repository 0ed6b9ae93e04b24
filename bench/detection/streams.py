"""Simulated services for the detection harness: (ticks, series) of events and hits or sums, 5-minute ticks.

Everything an operator would not call an incident can be switched on: cycles, days that differ, memory,
conversations that share a rate, retries, storms of one user, traffic that swings or steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAY = 288
TICK_S = 300
MONDAY = 4 * 86_400 // TICK_S
JOB_TICKS = 12
"""Length of the nightly job."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Effects are in log odds (flags) or standard deviations of one event (values).

    ``rate`` is None for values. ``daily``, ``weekend``, ``job`` (one hour a night), ``day_sd``, ``memory``
    (lag-one correlation) with ``memory_sd``; ``swing`` is the log of the daily traffic swing, ``cluster`` the
    events that share one outcome, ``conversation`` those that share a rate with correlation ``icc``;
    ``storms`` is the chance per tick of one user repeating one hit 60 times, ``new_storms`` the same after
    learning only; ``step`` multiplies traffic after learning, ``empty`` is the share of ticks that then hold
    nothing.
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
    new_storms: float = 0.0
    step: float = 1.0
    empty: float = 0.0
    heavy: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """From tick ``at`` on the level is ``shift`` higher, after ``ramp`` ticks, or the rate is ``after``."""

    at: int
    shift: float = 0.0
    ramp: int = 1
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """Ticks of many series: (ticks, series) of n events and s hits or sums; ``learn`` ticks come first.

    Of a ``category`` s is the number of the level, one event a tick. ``cells`` is how many levels there are.
    """

    n: Floats
    s: Floats
    learn: int
    kind: str
    cells: int = 0

    def first(self, series: int) -> Sample:
        """The first so many series."""
        return replace(self, n=self.n[:, :series], s=self.s[:, :series])

    @property
    def means(self) -> Floats:
        """Mean of each tick, zero where it is empty."""
        means: Floats = self.s / np.maximum(self.n, 1)
        return means

    @property
    def watched(self) -> int:
        """Ticks after learning."""
        return len(self.n) - self.learn

    @property
    def events(self) -> float:
        """Events a tick after learning, on average."""
        return float(self.n[self.learn :].mean())


def draw(
    stream: Stream,
    rng: np.random.Generator,
    series: int,
    *,
    learn: int = 14,
    watch: int = 14,
    change: Change | None = None,
) -> Sample:
    """Ticks of ``learn`` and ``watch`` days, ``change`` in all series where given."""
    ticks = (learn + watch) * DAY
    t = np.arange(ticks)
    later = t >= learn * DAY
    level = stream.daily * np.sin(2 * np.pi * t / DAY) + stream.weekend * ((t // DAY) % 7 >= 5)
    level = level + stream.job * (t % DAY < JOB_TICKS)
    if change is not None:
        level = level + np.clip((t - change.at + 1) / change.ramp, 0, 1) * change.shift
    x = np.repeat(level[:, None], series, axis=1)
    if stream.day_sd:
        x += np.repeat(rng.normal(0, stream.day_sd, (learn + watch, series)), DAY, axis=0)
    if stream.memory_sd:
        x += _memory(rng, ticks, series, stream.memory, stream.memory_sd)
    traffic = stream.events * np.exp(stream.swing * np.sin(2 * np.pi * (t - 40) / DAY))
    traffic = np.where(later, traffic * stream.step, traffic)
    arriving = np.repeat(traffic[:, None], series, axis=1)
    if stream.empty:
        arriving[later] *= rng.random((int(later.sum()), series)) >= stream.empty
    if stream.rate is None:
        return Sample(*_values(stream, rng, arriving, x), learn * DAY, "value")
    base = np.full(ticks, stream.rate)
    if change is not None and change.after is not None:
        base[t >= change.at] = change.after
    with np.errstate(divide="ignore"):
        x += np.log(base / (1 - base))[:, None]
    n, s = _hits(stream, rng, arriving, 1 / (1 + np.exp(-x)))
    if stream.storms or stream.new_storms:
        chance = np.where(later, stream.storms + stream.new_storms, stream.storms)
        storm = rng.random((ticks, series)) < chance[:, None]
        n, s = n + 60 * storm, s + 60 * storm
    return Sample(n.astype(float), s.astype(float), learn * DAY, "flag")


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
