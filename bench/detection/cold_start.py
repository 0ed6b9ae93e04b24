"""Row 11: what may be said on the first days, and row 20: what three days of learning are enough for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.detection.engine import first_pages
from bench.detection.fast_path import PER_TICK, minutes_to_page
from bench.detection.figure import Alarms, Delay, Figure, Report
from bench.detection.ordinary import DAILY, TALKS, budget_figure
from bench.detection.plan import WATCH, H, Plan
from bench.detection.streams import DAY, MONDAY, TICK_S, Change, Stream, draw
from detectors.engine.dispersion import fit_flags

FEW = 10
"""Ticks that hold 200 observations."""
FIRST_DAYS = (
    ("independent", Stream()),
    ("daily", DAILY),
    ("memory .9", Stream(memory=0.9, memory_sd=0.25)),
    ("conversations, swings, daily", replace(TALKS, daily=0.5, swing=1.15)),
)
GROSS = ((0.17, 1.0, 0.78), (0.05, 5.0, 0.21))
"""Rate, events a tick and the rate after (from .05 five times the odds)."""
PAGE_H = 14.4


def cold_start(plan: Plan) -> Report:
    """Row 11: no drift page before a full day is learned; the budget from then on."""
    report = Report()
    for name, stream in FIRST_DAYS:
        one_day = draw(stream, plan.rng(11), plan.series, learn=1)
        early = fit_flags(one_day.n[:FEW], one_day.s[:FEW], MONDAY, TICK_S)
        watched = int(early.fit.sum())
        report.figures.append(Figure("11", f"{name}: watched after 200 observations", watched, 0))
        rest = replace(one_day, n=one_day.n[: WATCH * DAY], s=one_day.s[: WATCH * DAY])
        alarms = Alarms.of(first_pages(rest, H), rest.watched, rest.events)
        report.figures.append(budget_figure("11", f"{name}, one day: 13 days", alarms))
        at = DAY + WATCH * DAY // 2
        twice = Change(at, float(np.log(2)))
        changed = draw(stream, plan.rng(11, 1), plan.changed, learn=1, change=twice)
        delay = Delay.of(first_pages(changed, H), at - DAY, changed.watched)
        detail = f"p90 {delay.p90:.0f}, missed {delay.missed:.0%}; wished for: 100"
        report.figures.append(Figure("11", f"{name}, one day: odds x2, ticks", delay.median, None, detail))
    return report


def short(plan: Plan) -> Report:
    """Row 20: gross changes after one, three and five days; the fast path where the engine cannot yet."""
    report = Report()
    for days in (1, 3, 5):
        for rate, events, after in GROSS:
            stream = replace(DAILY, rate=rate, events=events)
            name = f"{days} days: {rate:g} to {after:g} at {events:g} a tick"
            quiet = draw(stream, plan.rng(20, days), plan.series, learn=days)
            alarms = Alarms.of(first_pages(quiet, H), quiet.watched, quiet.events)
            report.figures.append(budget_figure("20", name, alarms))
            half = WATCH * DAY // 2
            change = Change(days * DAY + half, after=after)
            changed = draw(stream, plan.rng(20, days, 1), plan.changed, learn=days, change=change)
            delay = Delay.of(first_pages(changed, PAGE_H), half, changed.watched, 1 / 12)
            detail = f"p90 {delay.p90:.1f}, missed {delay.missed:.0%}"
            target = 3.0 if days >= 3 else None
            report.figures.append(Figure("20", f"{name}, hours", delay.median, target, detail))
            if days == 1:
                minutes = minutes_to_page(stream, after, events / PER_TICK, plan, learn=days)
                detail = f"missed {np.mean(minutes < 0):.0%}"
                waited = float(np.median(np.where(minutes < 0, np.inf, minutes))) / 60
                report.figures.append(Figure("20", f"{name}, fast path, hours", waited, 3.0, detail))
    return report
