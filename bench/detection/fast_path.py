"""Row 21: gross changes over distinct conversations, 240 an hour, and what must stay silent.

The largest usual rate comes from 14 days of learning, as in a service. A message of stage 1 brings what a
minute held.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.detection.engine import fit
from bench.detection.figure import Alarms, Figure, Ints, Report
from bench.detection.ordinary import SCENARIOS, budget_figure
from bench.detection.plan import FLEET_H, WATCH, H, Plan
from bench.detection.streams import DAY, Floats, Sample, Stream, draw
from detectors.fast.fast_path import FastBank, highest_rate

PER_TICK = 20
"""Conversations a tick of five minutes."""
MINUTES = 5
RATE = 0.02


def gross(plan: Plan) -> Report:
    """Two changes, every unchanged scenario, and one user who repeats himself."""
    report = Report()
    for after, target in ((0.20, 18.0), (0.60, 6.0)):
        minutes = minutes_to_page(Stream(rate=RATE), after, 1.0, plan, learn=14)
        waited = float(np.median(np.where(minutes < 0, np.inf, minutes)))
        detail = f"p90 {np.quantile(minutes, 0.9):.0f}, missed {np.mean(minutes < 0):.0%}"
        report.figures.append(Figure("21", f"2 to {after:.0%}, minutes", waited, target, detail))
    for scenario in SCENARIOS:
        if scenario.stream.rate is not None and scenario.stream.conversation == 1:
            # a storm is one user's, and counts as one conversation
            quiet = replace(scenario.stream, rate=RATE, storms=0.0)
            sample = draw(quiet, plan.rng(21), plan.changed)
            alarms = Alarms.of(first_fast(sample, H), sample.watched, sample.events)
            report.figures.append(budget_figure("21", f"{scenario.name}, fast path", alarms))
    bank = FastBank(np.full(1, 0.025), np.full(1, np.exp(-FLEET_H)), 0)
    pages = int(bank.update(1, np.ones(1), np.ones(1)).sum())
    for _ in range(499):  # the same conversation again: no new one, no new hit
        pages += int(bank.update(1, np.zeros(1), np.zeros(1)).sum())
    report.figures.append(Figure("21", "one user 500 times, pages", pages, 0))
    return report


def usual_rate(sample: Sample) -> Floats:
    """The highest rate of the learned week, per series: the limit of a service that has learned."""
    baseline = fit(sample)
    highest: Floats = np.array([highest_rate(baseline.take([i])) for i in range(len(baseline))])
    return np.minimum(highest, 0.49)


def minutes_to_page(stream: Stream, after: float, share: float, plan: Plan, *, learn: int) -> Ints:
    """Minutes until the fast path pages at the threshold of a fleet, -1 for never within 4 hours.

    ``share`` of 240 conversations arrive in an hour.
    """
    sample = draw(stream, plan.rng(21, learn), plan.changed, learn=learn, watch=1)
    bank = FastBank(usual_rate(sample), np.full(plan.changed, np.exp(-FLEET_H)), 0)
    rng, first = plan.rng(21, learn, 1), np.full(plan.changed, -1, dtype=np.int64)
    for minute in range(240):
        talks = rng.poisson(share * PER_TICK / MINUTES, plan.changed).astype(float)
        page = bank.update(1 + minute // MINUTES, talks, rng.binomial(talks.astype(int), after).astype(float))
        first[page & (first < 0)] = minute + 1
    return first


def first_fast(sample: Sample, h: float) -> Ints:
    """First tick at which each unchanged series pages on the fast path, -1 for none."""
    bank = FastBank(usual_rate(sample), np.full(sample.n.shape[1], np.exp(-h)), 0)
    first = np.full(sample.n.shape[1], -1, dtype=np.int64)
    for i in range(WATCH * DAY):
        at = sample.learn + i
        page = bank.update(1 + i, sample.n[at], sample.s[at])
        first[page & (first < 0)] = i
    return first
