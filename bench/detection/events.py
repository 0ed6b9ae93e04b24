"""Row 13: single events, no season, the guaranteed threshold, short references.

Single events have no time, so five of them make a tick and a tick is called a day: there is no season to be
learned, and the dispersion of independent ticks is known well. As ticks of an hour the same events are found
more slowly, because 2,000 of them are then no more than 16 days. A series pages by itself in at most 5 % of
10,000 events; its channels share that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.detection.engine import first_over
from bench.detection.figure import Alarms, Contest, Delay, Entry, Figure, Report
from bench.detection.ordinary import budget_figure
from bench.detection.plan import BUDGET, Plan
from bench.detection.rivals import Statistic
from bench.detection.side_by_side import others
from bench.detection.streams import MONDAY, Floats, Sample
from detectors.engine.dispersion import fit_flags, fit_values
from detectors.engine.shiryaev_roberts import FlagBank, ValueBank
from detectors.files.channels import ValueChannel, learn_channels

TICK = 5
TICK_S = 86_400
REFERENCE, QUIET, BEFORE, AFTER = 2_000, 10_000, 1_500, 10_000
"""Events to learn from, of an unchanged series, before a change and after it."""
LEVELS = np.array([0.50, 0.20, 0.12, 0.08, 0.05, 0.03, 0.015, 0.005])
MORE_OF_THE_LAST = np.array([0.475, 0.20, 0.12, 0.08, 0.05, 0.03, 0.015, 0.03])

Draw = Callable[[np.random.Generator, int, int, bool], Floats]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of score and a change of it: ``draw(rng, events, series, changed)``."""

    name: str
    kind: str
    change: str
    target: float
    draw: Draw


def _spread(rng: np.random.Generator, events: int, series: int, changed: bool) -> Floats:
    return rng.beta(*((3.8, 0.95) if changed else (8.0, 2.0)), (events, series))


def _tail(rng: np.random.Generator, events: int, series: int, changed: bool) -> Floats:
    out: Floats = np.exp(rng.normal(0, 1.0 if changed else 0.8, (events, series)))
    return out


def _level(rng: np.random.Generator, events: int, series: int, changed: bool) -> Floats:
    share = MORE_OF_THE_LAST if changed else LEVELS
    return rng.choice(len(share), (events, series), p=share / share.sum()).astype(float)


KINDS = (
    Kind("score Beta(8, 2)", "bounded", "spread x1.4", 50, _spread),
    Kind("log-normal latency", "positive", "tail sd .8 to 1", 160, _tail),
    Kind("8 levels", "category", "level .005 to .03", 475, _level),
)


def events(plan: Plan) -> Report:
    """Three kinds of change, and false alarms of flags after 200 events."""
    report = Report()
    for kind in KINDS:
        report.add(_kind(kind, plan))
    for rate in (0.02, 0.20):
        values = (plan.rng(13, 1).random((200 + QUIET, plan.series)) < rate).astype(float)
        first = first_over(statistic("flag", values, 200), 0.0)
        alarms = Alarms.of(first, QUIET // TICK, TICK)
        report.figures.append(budget_figure("13", f"flag {rate:g} after 200 events", alarms))
    return report


def _kind(kind: Kind, plan: Plan) -> Report:
    rng, series = plan.rng(13), plan.changed
    quiet = kind.draw(rng, REFERENCE + QUIET, series, False)
    changed = np.concatenate(
        [kind.draw(rng, REFERENCE + BEFORE, series, False), kind.draw(rng, AFTER, series, True)]
    )
    known = [statistic(kind.kind, values, REFERENCE) for values in (quiet, changed)]
    at, end = BEFORE // TICK, (BEFORE + AFTER) // TICK
    first = first_over(known[1], 0.0)
    delay = Delay.of(first, at - 1, end - 1, TICK)
    alarms = Alarms.of(first_over(known[0], 0.0), QUIET // TICK, TICK)
    detail = f"p90 {delay.p90:.0f}, missed {delay.missed:.0%}"
    report = Report(
        [
            budget_figure("13", kind.name, alarms),
            Figure("13", f"{kind.name}: {kind.change}, events", delay.median, kind.target, detail),
        ]
    )
    if plan.rivals:
        samples = [_sample(kind, values) for values in (quiet, changed)]
        by = {id(s): k for s, k in zip(samples, known, strict=True)}
        same = Statistic(
            "Lightship, calibrated like the others", lambda s: np.repeat(by[id(s)], TICK, axis=0)
        )
        entries = (
            Entry("Lightship, threshold from the budget", alarms, (delay,)),
            same.enter(samples[0], [(samples[1], BEFORE)], 1.0),
            *others(samples[0], [(samples[1], BEFORE)], plan),
        )
        report.contests.append(Contest("13", kind.name, (kind.change,), entries, "events"))
    return report


def _sample(kind: Kind, values: Floats) -> Sample:
    """One event a tick, as others see them; they are given the logarithm of a latency."""
    if kind.kind == "category":
        return Sample(np.ones_like(values), values, REFERENCE, "category", len(LEVELS))
    scaled = np.log(values) if kind.kind == "positive" else values
    return Sample(np.ones_like(values), scaled, REFERENCE, "value")


def statistic(kind: str, values: Floats, learn: int) -> Floats:
    """Evidence of the leading channel less its threshold, per watched tick and series."""
    ticks, series = len(values) // TICK, values.shape[1]
    learned, total = learn // TICK, ticks - learn // TICK
    out = np.full((total, series), -np.inf)
    channels = [learn_channels(kind, _as_read(kind, values[:learn, r])) for r in range(series)]
    h = {r: np.log((QUIET / TICK) * len(c) / BUDGET) for r, c in enumerate(channels)}
    for form, learner, bank in (
        ("flag", fit_flags, FlagBank(TICK_S)),
        ("value", fit_values, ValueBank(TICK_S)),
    ):
        mine = [(r, c) for r, cs in enumerate(channels) for c in cs if c.form == form]
        if not mine:
            continue
        n, s = (
            np.stack(x, axis=1) for x in zip(*(_fold(kind, c, values[:, r]) for r, c in mine), strict=True)
        )
        rows = np.array([r for r, _ in mine])
        baseline = learner(n[:learned], s[:learned], MONDAY, TICK_S)
        bank.append(baseline, np.exp(-np.array([h[r] for r in rows])), short=True)
        for t in range(total):
            bank.update(MONDAY + learned + t, n[learned + t], s[learned + t])
            np.maximum.at(out[t], rows, bank.evidence() - bank.threshold)
    return out


def _as_read(kind: str, values: Floats) -> Floats | np.ndarray[tuple[int], np.dtype[np.str_]]:
    return values.astype(int).astype(np.str_) if kind == "category" else values


def _fold(kind: str, channel: ValueChannel, values: Floats) -> tuple[Floats, Floats]:
    """(n, s) per tick of one channel."""
    x = channel.of(_as_read(kind, values)).reshape(-1, TICK)
    return (~np.isnan(x)).sum(1).astype(float), np.nansum(x, axis=1)
