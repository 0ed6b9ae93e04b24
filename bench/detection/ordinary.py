"""Rows 1, 2, 3, 5, 7, 8 and 10: false alarms and delays in ordinary traffic, all detectors side by side.

A series pages by itself in at most 5 % of watched fortnights; the 95 % upper limit of what is seen may lie
two points above that. Changes begin half way through the fortnight. Each figure is given for series that know
nothing of each other, and for series that are siblings in one service, all of this kind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bench.detection.engine import first_pages
from bench.detection.figure import Alarms, Contest, Figure, Report
from bench.detection.plan import BUDGET, HALF, SLACK, H, Plan
from bench.detection.side_by_side import among_alike, others, ours
from bench.detection.streams import DAY, JOB_TICKS, Change, Stream, draw

JOB_SLACK = 2
"""Ticks around the nightly job that count as it."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Unchanged traffic, and the ticks by which a small and a large change should be found."""

    row: str
    name: str
    stream: Stream
    slow: float
    fast: float

    @property
    def changes(self) -> tuple[tuple[str, float, float], ...]:
        """Name, size (log odds, or standard deviations of an event) and target of each change."""
        if self.stream.rate is None:
            return (("+.10 sd", 0.10, self.slow), ("+.25 sd", 0.25, self.fast))
        return (("odds x1.5", float(np.log(1.5)), self.slow), ("odds x2", float(np.log(2.0)), self.fast))


DAILY = Stream(daily=0.5)
TALKS = Stream(conversation=8, icc=0.3)
EVERYTHING = Stream(daily=0.5, weekend=0.3, memory=0.9, memory_sd=0.15, conversation=6, icc=0.2, swing=1.15)
SCENARIOS = (
    Scenario("1", "independent", Stream(), 110, 35),
    Scenario("2", "memory .3", Stream(memory=0.3, memory_sd=0.25), 120, 36),
    Scenario("2", "memory .6", Stream(memory=0.6, memory_sd=0.25), 140, 36),
    Scenario("2", "memory .9", Stream(memory=0.9, memory_sd=0.25), 240, 56),
    Scenario("3", "daily", DAILY, 85, 35),
    Scenario("3", "daily and weekly", replace(DAILY, weekend=0.4), 140, 40),
    Scenario("3", "daily, memory .98", replace(DAILY, memory=0.98, memory_sd=0.2), 450, 85),
    Scenario("3", "daily, days differ by .10", replace(DAILY, day_sd=0.1), 420, 55),
    Scenario("5", "traffic swings x10", Stream(daily=0.3, swing=1.15), 80, 42),
    Scenario("5", "conversations", TALKS, 430, 116),
    Scenario("5", "conversations, swings, daily", replace(TALKS, daily=0.5, swing=1.15), 180, 75),
    Scenario("7", "storms in the baseline", Stream(storms=1 / DAY), 180, 48),
    Scenario("8", "heavy tail", Stream(rate=None, heavy=True, daily=0.075), 250, 40),
    Scenario("8", "nightly job", Stream(job=1.2), 105, 20),
    Scenario("10", "everything at once", EVERYTHING, 190, 80),
    Scenario("10", "score, memory .9", Stream(rate=None, memory=0.9, memory_sd=0.0625), 320, 38),
)
KSWIN_IN = ("independent", "daily and weekly", "score, memory .9")
"""Scenarios with KSWIN in the long run; the default one takes the first."""


def ordinary(row: str, plan: Plan) -> Report:
    """Every scenario of a row."""
    report = Report()
    for scenario in SCENARIOS:
        if scenario.row == row:
            report.add(_scenario(scenario, plan))
    return report


def _scenario(scenario: Scenario, plan: Plan) -> Report:
    quiet = draw(scenario.stream, plan.rng(1), plan.series)
    changed = [
        (name, draw(scenario.stream, plan.rng(2, i), plan.changed, change=Change(14 * DAY + HALF, size)))
        for i, (name, size, _) in enumerate(scenario.changes)
    ]
    mine = ours(quiet, [s for _, s in changed], HALF, H)
    alike = among_alike(quiet, [s for _, s in changed], HALF, H)
    report = Report()
    if scenario.name == "nightly job":
        first = first_pages(quiet, H)
        at = first[first >= 0] % DAY
        inside = int(((at < JOB_TICKS + JOB_SLACK) | (at >= DAY - JOB_SLACK)).sum())
        report.figures.append(Figure(scenario.row, f"{scenario.name}: pages in the job", inside, 0))
    for entry, how in ((mine[0], ""), (alike, ", siblings")):
        what = scenario.name + how
        report.figures.append(budget_figure(scenario.row, what, entry.alarms))
        for (name, _, target), delay in zip(scenario.changes, entry.delays, strict=True):
            detail = f"p90 {delay.p90:.0f}, missed {delay.missed:.0%}"
            report.figures.append(
                Figure(scenario.row, f"{what}: {name}, ticks", delay.median, target, detail)
            )
    if plan.rivals:
        slow = scenario.name in (KSWIN_IN if plan.full else KSWIN_IN[:1])
        entries = (*mine, alike, *others(quiet, [(s, HALF) for _, s in changed], plan, slow=slow))
        report.contests.append(
            Contest(scenario.row, scenario.name, tuple(name for name, _ in changed), entries)
        )
    return report


def budget_figure(row: str, name: str, alarms: Alarms, budget: float = BUDGET) -> Figure:
    """The upper limit of the share of unchanged series that page, against the budget and the slack."""
    detail = f"{alarms.crossed} of {alarms.series}; {alarms.per_10k:.2g} per 10,000 observations"
    return Figure(row, f"{name}: false alarms, upper limit", alarms.upper, budget + SLACK, detail)
