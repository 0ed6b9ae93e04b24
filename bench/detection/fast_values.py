"""Row 23: latency three and five times as long, minute by minute, and controls that stay silent.

Log-normal latencies of users with levels of their own; hours and days have theirs, minutes are alike with
memory, and now and then an upstream is slow for all for a minute. Learned over 14 days from closed ticks, as
in a service; watched at the threshold of one of ten scores of a service of fifty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from bench.detection.figure import Alarms, Figure, Ints, Report
from bench.detection.plan import WATCH, Plan
from bench.detection.streams import DAY, TICK_S, Floats
from detectors.budgets.budget import CLASS_SHARES, PERIODS_S, Budget, service_budget
from detectors.counts.channel_plan import TAIL
from detectors.engine.dispersion import fit_flags
from detectors.fast.fast_path import highest_rate
from detectors.fast.tail_bank import TailBank
from detectors.fast.upper_tail import Tail

SD, USER_SD = 0.5, 0.2
MINUTES = TICK_S // 60
DAY_MINUTES = 1440
SCORES = 10
W = service_budget(Budget(2.0, PERIODS_S["week"])).per_tick(60) * CLASS_SHARES["fast"] / SCORES
GOAL_MIN = 5.0


@dataclass(frozen=True, slots=True)
class World:
    """Effects in natural logarithms; ``slow`` is the chance of a minute that adds ``slow_by`` for all."""

    name: str
    daily: float = 0.0
    day_sd: float = 0.0
    minute_sd: float = 0.0
    memory: float = 0.0
    slow: float = 0.0
    slow_by: float = 1.6
    heavy: float = 0.0


WORLDS = (
    World("independent"),
    World("daily shape, days that differ", daily=0.15, day_sd=0.05),
    World("minutes alike, memory .9", minute_sd=0.15, memory=0.9),
    World("slow minutes", slow=1 / 720, minute_sd=0.05),
    World("a heavy tail", heavy=0.02),
    World("all of it", 0.15, 0.05, 0.1, 0.9, 1 / 720, 1.6, 0.02),
)
RATES = (0.25, 2.0, 20.0)


def values(plan: Plan) -> Report:
    """Delays of two changes at three rates, and false alarms in every world."""
    report = Report()
    for rate in RATES:
        for world in WORLDS:
            tail, edge = learned(world, rate, plan)
            for factor in (3.0, 5.0) if world in (WORLDS[0], WORLDS[-1]) else ():
                first = watched(world, rate, tail, edge, plan, minutes=240, factor=factor)
                waited = np.where(first < 0, np.inf, first + 1.0)
                target = GOAL_MIN if factor == 5.0 and rate >= 2.0 else None
                what = f"x{factor:g} at {rate:g} calls/s, {world.name}, minutes"
                detail = f"p90 {np.quantile(waited, 0.9):.0f}, missed {np.mean(first < 0):.0%}"
                report.figures.append(Figure("23", what, float(np.median(waited)), target, detail))
            quiet = watched(world, rate, tail, edge, plan, minutes=WATCH * DAY_MINUTES)
            alarms = Alarms.of(quiet, WATCH * DAY_MINUTES, 60 * rate)
            what = f"false of {alarms.series} at {rate:g} calls/s, {world.name}"
            report.figures.append(Figure("23", what, alarms.crossed, 0.0))
    return report


def learned(world: World, rate: float, plan: Plan) -> tuple[list[Tail], Floats]:
    """What 14 days of ticks say of each series' upper tail, and where it begins."""
    rng = plan.rng(23, int(100 * rate))
    means = _means(world, WATCH * DAY_MINUTES, plan.series, rng)
    grid = np.linspace(-1.5, 6.0, 400)
    part = means[:: max(len(means) // 500, 1)]
    edge = np.array(
        [grid[np.searchsorted(1 - _beyond(world, grid[:, None], m[None]).mean(1), 1 - TAIL)] for m in part.T]
    )
    n = rng.poisson(60 * rate, means.shape)
    hits = rng.binomial(n, _beyond(world, edge, means))
    by_tick = (WATCH * DAY, MINUTES, plan.series)
    n_tick, s_tick = (a.reshape(by_tick).sum(1).astype(float) for a in (n, hits))
    baseline = fit_flags(n_tick, s_tick, 0, TICK_S)
    rows = [baseline.take([i]) for i in range(len(baseline))]
    return [Tail.of(0, highest_rate(one), one) for one in rows], edge


def watched(
    world: World,
    rate: float,
    tail: list[Tail],
    edge: Floats,
    plan: Plan,
    *,
    minutes: int,
    factor: float = 1.0,
) -> Ints:
    """First minute in which each series alarms, after half an hour as usual; -1 for none."""
    rng = plan.rng(23, int(100 * rate), int(factor), 1)
    size = plan.series
    bank = TailBank(np.array([min(t.p_high, 0.49) for t in tail]), np.full(size, W), 0)
    bank.kappa, bank.usual = np.array([t.kappa for t in tail]), np.array([t.usual for t in tail])
    first = np.full(size, -1, dtype=np.int64)
    for minute, mean in enumerate(_means(world, minutes + 30, size, rng), start=-30):
        n = rng.poisson(60 * rate, size)
        slower = np.log(factor) * (minute >= 0)
        hits = rng.binomial(n, _beyond(world, edge, mean + slower))
        page = bank.update(minute + 31, n.astype(float), hits.astype(float))
        first[page & (first < 0)] = max(minute, 0)
    return first


def _means(world: World, minutes: int, series: int, rng: np.random.Generator) -> Floats:
    at = np.arange(minutes)
    mean = np.broadcast_to(world.daily * np.sin(2 * np.pi * at / DAY_MINUTES)[:, None], (minutes, series))
    days = rng.normal(0, world.day_sd, (minutes // DAY_MINUTES + 1, series))
    mean = mean + days[at // DAY_MINUTES]
    if world.minute_sd:
        noise = rng.normal(0, world.minute_sd, (minutes, series))
        now, keep = noise[0], np.sqrt(1 - world.memory**2)
        for i in range(minutes):
            now = world.memory * now + keep * noise[i]
            mean[i] += now
    if world.slow:
        mean += world.slow_by * (rng.random((minutes, series)) < world.slow)
    out: Floats = mean
    return out


def _beyond(world: World, edge: Floats, mean: Floats) -> Floats:
    """Probability of a value beyond the edge."""
    z = (mean - edge) / float(np.hypot(SD, USER_SD))
    plain: Floats = ndtr(z)
    return plain if not world.heavy else (1 - world.heavy) * plain + world.heavy * ndtr((mean - edge) / 2.0)
