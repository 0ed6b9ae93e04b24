"""Series as operators see them, with the episodes a person would circle: for measuring `detect` as a whole.

Each generator draws one series in the likeness of a public kind of recording (machines, counts, prices,
sensors, yearly statistics) and says where it put what. Nothing in them is tuned to a detector: cycles,
memory, heavy tails, bursts that belong there, gaps and whole numbers come first, and most of each series is
unlabelled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rng = np.random.Generator
START_S = 1_767_225_600.0
"""2026-01-01, 00:00 UTC."""
DAY_S = 86_400
MINUTES_5 = 300


@dataclass(frozen=True, slots=True)
class Labelled:
    """A series and its episodes, as first and last index; ``kind`` is that of `detectors.files.watch`."""

    name: str
    times_s: Floats
    values: NDArray[np.floating[Any]]
    tick_s: int
    episodes: tuple[tuple[int, int], ...]
    kind: str = "real"


def _at(count: int, tick_s: int) -> Floats:
    return START_S + tick_s * np.arange(count, dtype=float)


def _memory(rng: Rng, count: int, rho: float) -> Floats:
    """Gaussian noise of unit variance with autocorrelation ``rho``."""
    out = np.empty(count)
    shock = rng.standard_normal(count) * np.sqrt(1 - rho**2)
    out[0] = rng.standard_normal()
    for i in range(1, count):
        out[i] = rho * out[i - 1] + shock[i]
    return out


def _day(count: int, tick_s: int, phase: float = 0.0) -> Floats:
    return np.asarray(np.sin(2 * np.pi * (np.arange(count) * tick_s / DAY_S + phase)), dtype=float)


def _weekend(count: int, tick_s: int) -> NDArray[np.bool_]:
    """2026-01-01 was a Thursday."""
    return (np.arange(count) * tick_s // DAY_S + 3) % 7 >= 5


def _place(rng: Rng, count: int, length: int, wanted: int = 1) -> list[int]:
    """Beginnings of ``wanted`` episodes in the last three quarters, well apart."""
    first, last = int(0.3 * count), int(0.93 * count) - length
    edges = np.linspace(first, last, wanted + 1)
    return [int(rng.uniform(a, a + 0.7 * (b - a))) for a, b in pairwise(edges)]


def idle_machine(rng: Rng) -> Labelled:
    """CPU of an idle machine: a tenth of a per cent, small hiccups, then some other level."""
    count = 4_032
    y = 0.1 + 0.02 * rng.standard_normal(count) + 0.05 * (rng.random(count) < 0.03)
    (at,) = _place(rng, count, 1)
    spike = int(0.6 * at) if at > 0.5 * count else at + int(0.2 * count)
    y[at:] += 0.5
    y[spike : spike + 3] += rng.uniform(8, 15)
    return Labelled(
        "idle machine", _at(count, 300), np.round(np.maximum(y, 0), 3), 300, ((at, at), (spike, spike + 2))
    )


def busy_machine(rng: Rng) -> Labelled:
    """CPU that follows people through the day and saturates at 100; an outage of two hours."""
    count = 4_032
    y = 65 + 30 * _day(count, 300) + 6 * _memory(rng, count, 0.7)
    (at,) = _place(rng, count, 24)
    y[at : at + 24] = 2 + rng.random(24)
    return Labelled("busy machine", _at(count, 300), np.round(np.clip(y, 0, 100), 2), 300, ((at, at + 23),))


def runaway_machine(rng: Rng) -> Labelled:
    """CPU with memory that goes up for good."""
    count = 4_032
    y = 40 + 5 * _memory(rng, count, 0.9) + rng.standard_normal(count)
    (at,) = _place(rng, count, 1)
    y[at:] += 30
    return Labelled("runaway machine", _at(count, 300), np.clip(y, 0, 100), 300, ((at, at),))


def rides(rng: Rng) -> Labelled:
    """Counts per half hour with a day and a week; a holiday, and a day on which little runs."""
    count, tick = 10_320, 1_800
    shape = 15_000 + 8_000 * _day(count, tick, -0.3) + 3_000 * _day(count, 2 * tick)
    shape = shape * (1 - 0.15 * _weekend(count, tick)) + 700 * _memory(rng, count, 0.8)
    starts = [int(a // 48 * 48) for a in _place(rng, count, 48, 3)]
    shape[starts[0] : starts[0] + 48] *= 0.45
    shape[starts[1] : starts[1] + 48] *= 0.1
    shape[starts[2] : starts[2] + 6] *= 1.9
    ends = (47, 47, 5)
    y = np.round(np.maximum(shape, 0))
    return Labelled(
        "rides", _at(count, tick), y, tick, tuple((a, a + e) for a, e in zip(starts, ends, strict=True))
    )


def machine_temperature(rng: Rng) -> Labelled:
    """Slow wander; shut down twice, for some hours, the second time after hours of decay."""
    count = 20_000
    y = 85 + 6 * _memory(rng, count, 0.998) + 1.2 * rng.standard_normal(count)
    one, two = _place(rng, count, 300, 2)
    y[one : one + 120] -= 50 * np.hanning(120)
    y[two : two + 200] -= np.linspace(0, 25, 200)
    y[two + 200 : two + 300] -= 65
    return Labelled("machine temperature", _at(count, 300), y, 300, ((one, one + 119), (two, two + 299)))


def mentions(rng: Rng) -> Labelled:
    """Mentions in five minutes: whole numbers, a day, gusts that are usual, two that are not."""
    count = 12_000
    rate = 20 * np.exp(0.8 * _day(count, 300) + 0.3 * _memory(rng, count, 0.9))
    for at in np.flatnonzero(rng.random(count) < 0.003).tolist():
        rate[at : at + 6] *= rng.uniform(1.3, 2.5)
    starts = _place(rng, count, 24, 2)
    for at in starts:
        rate[at : at + 24] *= 1 + 20 * np.exp(-np.arange(24) / 8)
    y = rng.poisson(np.maximum(rate, 0)).astype(float)
    return Labelled("mentions", _at(count, 300), y, 300, tuple((a, a + 23) for a in starts))


def prices(rng: Rng) -> Labelled:
    """Hourly price of an advertisement: a weak day, heavy tail, two absurd values."""
    count, tick = 1_600, 3_600
    y = np.exp(-2.2 + 0.2 * _day(count, tick) + 0.25 * rng.standard_t(5, count))
    starts = _place(rng, count, 1, 2)
    for at in starts:
        y[at] = rng.uniform(1.2, 2.5)
    return Labelled("prices", _at(count, tick), y, tick, tuple((a, a) for a in starts))


def latency(rng: Rng) -> Labelled:
    """Milliseconds around 45; two excursions, and at the end a higher level."""
    count = 4_032
    y = 45 + 2 * rng.standard_normal(count)
    one, two, three = _place(rng, count, 20, 3)
    y[one : one + 2] += 45
    y[two : two + 4] += 25
    y[three:] += 8
    return Labelled("latency", _at(count, 300), y, 300, ((one, one + 1), (two, two + 3), (three, three)))


def nightly_copies(rng: Rng) -> Labelled:
    """Bytes out: nothing, with a copy every six hours that is usual; one enormous copy of its own."""
    count = 4_032
    y = np.abs(2e5 + 5e4 * rng.standard_normal(count))
    for at in range(30, count - 8, 72):
        y[at : at + 4] += rng.uniform(0.8, 1.2, 4) * 4e6
    (at,) = _place(rng, count, 6)
    y[at : at + 6] += 6e7
    return Labelled("nightly copies", _at(count, 300), y, 300, ((at, at + 5),))


def road_speed(rng: Rng) -> Labelled:
    """Irregular readings with gaps; short jams are usual, one lasts half a day."""
    count = 2_400
    y = 68 + 5 * rng.standard_normal(count)
    for at in np.flatnonzero(rng.random(count) < 0.004).tolist():
        y[at : at + 5] -= rng.uniform(10, 30)
    (at,) = _place(rng, count, 60)
    y[at : at + 60] = 22 + 4 * rng.standard_normal(60)
    step = np.where(rng.random(count) < 0.05, 6, 1)
    times = START_S + 600.0 * np.cumsum(step)
    return Labelled("road speed", times, np.round(np.maximum(y, 3)), 600, ((at, at + 59),))


def yearly_flow(rng: Rng) -> Labelled:
    """A hundred and fifty years of a river; a dam."""
    y = 1_100 + 120 * rng.standard_normal(150)
    y[100:] -= 250
    return Labelled("yearly flow", _at(150, 365 * DAY_S), np.round(y), 365 * DAY_S, ((100, 100),))


def borehole(rng: Rng) -> Labelled:
    """Nuclear response along a hole: long flat layers and odd single readings."""
    count = 4_000
    y = 1.2e5 + 2_500 * rng.standard_normal(count)
    starts = _place(rng, count, 100, 4)
    level, signs = 0.0, rng.permutation([1.0, -1.0, 1.0, -1.0])
    for at, sign in zip(starts, signs, strict=True):
        level = rng.uniform(12_000, 25_000) * sign
        y[at:] += level
    odd = starts[1] + (starts[2] - starts[1]) // 2
    y[odd] -= 50_000
    return Labelled("borehole", _at(count, 60), y, 60, (*((a, a) for a in starts), (odd, odd)))


def random_walk(rng: Rng) -> Labelled:
    """A price that wanders: nothing to circle."""
    y = 100 * np.exp(np.cumsum(0.002 * rng.standard_t(5, 4_000)))
    return Labelled("random walk", _at(4_000, 3_600), y, 3_600, ())


def memory_noise(rng: Rng) -> Labelled:
    """Nothing but memory."""
    return Labelled("memory", _at(6_000, 300), 50 + 4 * _memory(rng, 6_000, 0.95), 300, ())


def heavy_noise(rng: Rng) -> Labelled:
    """Nothing but a heavy tail."""
    return Labelled("heavy tail", _at(6_000, 300), 10 + rng.standard_t(2.5, 6_000), 300, ())


def quiet_days(rng: Rng) -> Labelled:
    """A day and a week, multiplied by wandering days: nothing to circle."""
    count, tick = 4_000, 900
    day = np.arange(count) * tick / DAY_S
    middle = np.arange(-1, day[-1] + 2)
    days = np.interp(
        day, middle + 0.5, rng.lognormal(0, 0.08, len(middle)) * np.where((middle + 3) % 7 >= 5, 0.7, 1)
    )
    y = (100 + 60 * _day(count, tick)) * days
    return Labelled("days that differ", _at(count, tick), y + 4 * _memory(rng, count, 0.6), tick, ())


def leaking_memory(rng: Rng) -> Labelled:
    """A sawtooth: it fills and is restarted each day; nothing to circle."""
    count = 5_000
    y = 30 + 50 * (np.arange(count) % 288) / 288 + rng.standard_normal(count)
    return Labelled("sawtooth", _at(count, 300), y, 300, ())


def passengers(rng: Rng) -> Labelled:
    """Months of growth with a year in it: nothing to circle."""
    t = np.arange(240)
    y = (100 + 1.6 * t) * (1 + 0.2 * np.sin(2 * np.pi * t / 12)) * rng.lognormal(0, 0.04, 240)
    return Labelled("passengers", _at(240, 30 * DAY_S), np.round(y), 30 * DAY_S, ())


def new_noise(rng: Rng) -> Labelled:
    """The same level, four times the scatter."""
    count = 4_000
    (at,) = _place(rng, count, 1)
    y = 10 + rng.standard_normal(count) * np.where(np.arange(count) >= at, 4.0, 1.0)
    return Labelled("new scatter", _at(count, 300), y, 300, ((at, at),))


def stuck_sensor(rng: Rng) -> Labelled:
    """A reading that stands still for a day."""
    count = 4_000
    y = 20 + 3 * _day(count, 300) + 0.5 * rng.standard_normal(count)
    (at,) = _place(rng, count, 288)
    y[at : at + 288] = y[at]
    return Labelled("stuck sensor", _at(count, 300), np.round(y, 2), 300, ((at, at + 287),))


def office_hours(rng: Rng) -> Labelled:
    """On from nine to five on weekdays; one working day without."""
    count, tick = 288 * 35, 300
    hour = np.arange(count) * tick % DAY_S / 3_600
    on = (hour >= 9) & (hour < 17) & ~_weekend(count, tick)
    y = np.where(on, 50.0, 5.0) + 1.5 * rng.standard_normal(count)
    weekdays = [d for d in range(18, 34) if (d + 3) % 7 < 5]
    at = int(rng.choice(weekdays)) * 288 + 108
    y[at : at + 96] = 5 + 1.5 * rng.standard_normal(96)
    return Labelled("office hours", _at(count, tick), y, tick, ((at, at + 95),))


def daily_users(rng: Rng) -> Labelled:
    """New users a day: a week, then a third more of them for good."""
    count = 420
    y = rng.poisson(200 * (1 - 0.25 * _weekend(count, DAY_S)) * np.where(np.arange(count) >= 300, 1.4, 1.0))
    return Labelled("daily users", _at(count, DAY_S), y.astype(float), DAY_S, ((300, 300),))


def errors_per_minute(rng: Rng) -> Labelled:
    """Mostly zero; then a few times as many for two hours, and once a burst."""
    count = 10_000
    rate = np.full(count, 0.2)
    one, two = _place(rng, count, 120, 2)
    rate[one : one + 120] = 3
    rate[two : two + 5] = 30
    y = rng.poisson(rate).astype(float)
    return Labelled("errors a minute", _at(count, 60), y, 60, ((one, one + 119), (two, two + 4)))


def slow_leak(rng: Rng) -> Labelled:
    """A level that starts to climb and never stops."""
    count = 4_000
    (at,) = _place(rng, count, 1_200)
    y = 30 + 2 * _memory(rng, count, 0.5)
    y[at:] += 0.02 * np.arange(count - at)
    return Labelled("slow leak", _at(count, 300), y, 300, ((at, count - 1),))


def short_noise(rng: Rng) -> Labelled:
    """Two hundred and fifty points of nothing."""
    return Labelled("short noise", _at(250, 3_600), 5 + rng.standard_normal(250), 3_600, ())


def short_shift(rng: Rng) -> Labelled:
    """Two hundred and fifty points with a step of four standard deviations."""
    y = 5 + rng.standard_normal(250)
    y[170:] += 4
    return Labelled("short step", _at(250, 3_600), y, 3_600, ((170, 170),))


def short_spike(rng: Rng) -> Labelled:
    """Two hundred and fifty points, one of them far out."""
    y = 5 + rng.standard_normal(250)
    y[180] += 15
    return Labelled("short spike", _at(250, 3_600), y, 3_600, ((180, 180),))


def two_states(rng: Rng) -> Labelled:
    """A job that runs a third of the time, for some hours, when somebody wants it: nothing to circle."""
    count = 5_000
    state = np.cumsum(rng.random(count) < 0.03) % 2
    long = np.repeat(state, 1 + state)[:count]
    return Labelled("two states", _at(count, 300), 20 + 50.0 * long + 2 * rng.standard_normal(count), 300, ())


def gusts(rng: Rng) -> Labelled:
    """Counts where one brings more: gusts of every size; nothing to circle."""
    count = 6_000
    y, excited = np.zeros(count), 0.0
    for i in range(count):
        y[i] = rng.poisson(2 + excited)
        excited = 0.75 * excited + 0.2 * y[i]
    return Labelled("gusts", _at(count, 300), y, 300, ())


def growth(rng: Rng) -> Labelled:
    """A day on a level that grows by half in a month: nothing to circle."""
    count, tick = 1_440, 1_800
    y = (1 + 0.5 * np.arange(count) / count) * (300 + 120 * _day(count, tick)) + 12 * rng.standard_normal(
        count
    )
    return Labelled("growth", _at(count, tick), y, tick, ())


def long_tail(rng: Rng) -> Labelled:
    """Milliseconds with a long tail, in whole numbers: nothing to circle."""
    return Labelled("long tail", _at(5_000, 300), np.round(rng.lognormal(3, 0.6, 5_000)), 300, ())


def restless(rng: Rng) -> Labelled:
    """Returns of a price, with calm and stormy weeks: nothing to circle."""
    count = 2_000
    y, var = np.zeros(count), 1.0
    for i in range(count):
        y[i] = np.sqrt(var) * rng.standard_normal()
        var = 0.05 + 0.1 * y[i] ** 2 + 0.85 * var
    return Labelled("restless", _at(count, DAY_S), y, DAY_S, ())


def gaps(rng: Rng) -> Labelled:
    """A day, with a weekend and single readings missing: nothing to circle."""
    count = 4_000
    y = 50 + 15 * _day(count, 300) + 3 * _memory(rng, count, 0.8)
    keep = rng.random(count) > 0.1
    keep[1_500:2_076] = False
    return Labelled("gaps", _at(count, 300)[keep], y[keep], 300, ())


def small_step(rng: Rng) -> Labelled:
    """Noise with a little memory whose level rises by two standard deviations."""
    count = 4_032
    y = 100 + 5 * _memory(rng, count, 0.4)
    (at,) = _place(rng, count, 1)
    y[at:] += 10
    return Labelled("small step", _at(count, 300), y, 300, ((at, at),))


def small_step_by_day(rng: Rng) -> Labelled:
    """Hourly, a day in it, and a level that falls by one and a half standard deviations of the rest."""
    count, tick = 1_500, 3_600
    y = 100 + 20 * _day(count, tick) + 6 * _memory(rng, count, 0.3)
    (at,) = _place(rng, count, 1)
    y[at:] -= 9
    return Labelled("small step by day", _at(count, tick), y, tick, ((at, at),))


def refusals(rng: Rng) -> Labelled:
    """A rate of one in twenty that becomes one in five."""
    count = 12_000
    times = np.sort(START_S + rng.uniform(0, 28 * DAY_S, count))
    (at,) = _place(rng, count, 1)
    y = rng.random(count) < np.where(np.arange(count) >= at, 0.2, 0.05)
    return Labelled("refusals", times, y.astype(float), 300, ((at, at),), "flag")


def lengths(rng: Rng) -> Labelled:
    """Lengths of answers that grow by half."""
    count = 6_000
    times = np.sort(START_S + rng.uniform(0, 28 * DAY_S, count))
    (at,) = _place(rng, count, 1)
    y = rng.lognormal(5, 0.8, count) * np.where(np.arange(count) >= at, 1.5, 1.0)
    return Labelled("lengths", times, y, 300, ((at, at),), "positive")


GENERATORS: tuple[Callable[[Rng], Labelled], ...] = (
    *(idle_machine, busy_machine, runaway_machine, rides, machine_temperature, mentions, prices, latency),
    *(nightly_copies, road_speed, yearly_flow, borehole, random_walk, memory_noise, heavy_noise, quiet_days),
    *(leaking_memory, passengers, new_noise, stuck_sensor, office_hours, daily_users, errors_per_minute),
    *(slow_leak, short_noise, short_shift, short_spike, two_states, gusts, growth, long_tail, restless),
    *(gaps, refusals, lengths, small_step, small_step_by_day),
)


def draw(seed: int) -> list[Labelled]:
    """One series of each generator."""
    return [make(np.random.default_rng([seed, i])) for i, make in enumerate(GENERATORS)]
