"""Row 19, events that almost never happen, and row 22, baselines of sixty to three hundred of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.detection.engine import false_alarms, first_pages
from bench.detection.figure import Contest, Delay, Figure, Report
from bench.detection.ordinary import budget_figure
from bench.detection.plan import FLEET_H, HALF, H, Plan
from bench.detection.side_by_side import others, ours
from bench.detection.streams import DAY, Change, Stream, draw

QUIET = tuple(
    (f"rate {rate:g}, {events:g} a tick, {name}", replace(stream, rate=rate, events=events))
    for rate, events in ((0.002, 5.0), (0.06, 0.5), (0.03, 1.0), (0.01, 5.0))
    for name, stream in (
        ("daily, days differ by .3", Stream(daily=0.5, day_sd=0.3)),
        ("memory .9 of .5", Stream(memory=0.9, memory_sd=0.5)),
        ("clusters of 8", Stream(cluster=8)),
    )
)
CHANGES = (
    (0.0, 1.0, 0.01, 1_400),
    (0.0, 5.0, 0.01, 1_400),
    (0.0, 20.0, 0.01, 1_400),
    (0.0005, 20.0, 0.01, 1_300),
    (0.01, 1.0, 0.05, 600),
)
"""Rate, events a tick, rate after, and the events by which it should page."""
RARE_H = 14.4
CLIFF = ((0.03, 0.5, 0.6), (0.03, 1.0, 0.6), (0.03, 2.0, 0.6), (0.06, 0.5, 0.6), (0.01, 5.0, 0.1))
"""Rate, events a tick and the rate after, ten times the rate and more."""


def rare(plan: Plan) -> Report:
    """Row 19."""
    report = Report([budget_figure("19", name, false_alarms(stream, plan, H)) for name, stream in QUIET])
    for rate, events, after, target in CHANGES:
        stream, name = Stream(rate=rate, events=events), f"{rate:g} to {after:g} at {events:g} a tick"
        change = Change(14 * DAY + HALF, after=after)
        changed = draw(stream, plan.rng(19), plan.changed, change=change)
        delay = Delay.of(first_pages(changed, RARE_H), HALF, changed.watched, events)
        detail = f"p90 {delay.p90:.0f}, missed {delay.missed:.0%}"
        report.figures.append(Figure("19", f"{name}, events", delay.median, target, detail))
        if plan.rivals and rate == 0 and events == 1:
            quiet = draw(replace(stream, rate=0.0005), plan.rng(19, 1), plan.changed)
            entries = (
                *ours(quiet, [changed], HALF, RARE_H, events),
                *others(quiet, [(changed, HALF)], plan, per_tick=events),
            )
            report.contests.append(
                Contest("19", f"{name}; unchanged: .0005", (f"to {after:g}",), entries, "events")
            )
    return report


def cliff(plan: Plan) -> Report:
    """Row 22."""
    report = Report()
    for rate, events, after in CLIFF:
        change = Change(14 * DAY, after=after)
        stream = Stream(rate=rate, events=events)
        changed = draw(stream, plan.rng(22), plan.changed, watch=1, change=change)
        first = first_pages(changed, FLEET_H)
        missed = float(np.mean(first < 0))
        detail = f"median {np.median(np.where(first < 0, DAY, first)) * events:.0f} events"
        what = f"{rate:g} to {after:g} at {events:g} a tick: not found in a day"
        report.figures.append(Figure("22", what, missed, 0.05, detail))
    return report
