"""Row 4: the share of unchanged series that page at the thresholds of a fleet.

Thresholds are priced at each h. A share of one in ten thousand needs as many series: the default run shows
that the code works and finds gross faults; ``--full`` judges.
"""

from __future__ import annotations

import numpy as np

from bench.detection.engine import PART, among_siblings, bank_of, fit
from bench.detection.figure import Figure, Ints, Report
from bench.detection.ordinary import DAILY, EVERYTHING
from bench.detection.plan import WATCH, Plan
from bench.detection.streams import DAY, MONDAY, Sample, Stream, draw
from detectors.engine.baseline import Baseline

HEIGHTS = (13.0, 15.0, 17.6)
TARGETS = {14: (0.012, 0.0025, 0.0006), 28: (0.015, 0.004, 0.001)}
"""By days of learning."""
SCENARIOS = (
    ("memory .3", Stream(memory=0.3, memory_sd=0.25)),
    ("memory .6", Stream(memory=0.6, memory_sd=0.25)),
    ("memory .9", Stream(memory=0.9, memory_sd=0.25)),
    ("daily, memory .98", Stream(daily=0.5, memory=0.98, memory_sd=0.2)),
    ("daily, days differ by .10", Stream(daily=0.5, day_sd=0.1)),
    ("daily", DAILY),
    ("daily and weekly", Stream(daily=0.5, weekend=0.4)),
    ("everything at once", EVERYTHING),
    ("score, memory .9", Stream(rate=None, memory=0.9, memory_sd=0.0625)),
)
HARDEST = ("memory .9", "daily, memory .98", "daily, days differ by .10")
FULL_SERIES = 10_000


def tail(plan: Plan) -> Report:
    """Every scenario in the long run, the three hardest otherwise."""
    report = Report()
    series = FULL_SERIES if plan.full else plan.series
    for learn, targets in TARGETS.items():
        for name, stream in SCENARIOS:
            if not plan.full and (name not in HARDEST or learn != min(TARGETS)):
                continue
            for how, counts in _crossed(stream, plan, series, learn).items():
                for h, target, count in zip(HEIGHTS, targets, counts.tolist(), strict=True):
                    allowed = WATCH * DAY * np.exp(-h)
                    detail = f"{count} of {series:,}; the budget allows {allowed:.3%}"
                    what = f"{name}, {learn} days{how}: share over {h:g}"
                    report.figures.append(Figure("4", what, count / series, target, detail))
    if not plan.full:
        report.notes.append(f"{series} series say nothing about shares below {3 / series:.1%}: use --full")
    return report


def _crossed(stream: Stream, plan: Plan, series: int, learn: int) -> dict[str, Ints]:
    """How many series page at each threshold, by themselves and as siblings."""
    counts: dict[str, Ints] = {how: np.zeros(len(HEIGHTS), dtype=np.int64) for how in ("", ", siblings")}
    for done in range(0, series, PART):
        part = draw(stream, plan.rng(4, learn, done), min(PART, series - done), learn=learn)
        counts[""] += _over(part, fit(part))
        counts[", siblings"] += _over(part, among_siblings(part))
    return counts


def _over(sample: Sample, baseline: Baseline) -> Ints:
    """How many series page at each threshold: three rows a series in one bank."""
    width = sample.n.shape[1]
    bank = bank_of(baseline, HEIGHTS[0])
    for h in HEIGHTS[1:]:
        bank.append(baseline, float(np.exp(-h)))
    paged = np.zeros(len(bank), dtype=bool)
    for i in range(sample.learn, len(sample.n)):
        crossings = bank.update(
            MONDAY + i, np.tile(sample.n[i], len(HEIGHTS)), np.tile(sample.s[i], len(HEIGHTS))
        )
        paged[crossings.rows[crossings.page]] = True
    counts: Ints = paged.reshape(len(HEIGHTS), width).sum(1)
    return counts
