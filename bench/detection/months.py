"""Months of a mixed fleet in which nothing changes: pages against the budget of one a month.

Every month is a fleet of its own: 14 days of learning, 30 of watching, some series of every scenario. Series
share the page evenly; one that pages is reset and watched on. A hundred months in the long run.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from bench.detection.engine import fit
from bench.detection.figure import Figure, Report
from bench.detection.ordinary import SCENARIOS
from bench.detection.plan import Plan
from bench.detection.streams import DAY, MONDAY, TICK_S, Floats, Stream, draw
from detectors.engine.baseline import Baseline
from detectors.engine.shiryaev_roberts import Bank, FlagBank, ValueBank

EACH = 10
DAYS = 30
FULL_MONTHS, SHORT_MONTHS = 100, 3
STREAMS = (
    *(s.stream for s in SCENARIOS),
    Stream(rate=0.002, events=5.0, daily=0.5, day_sd=0.3),
    Stream(rate=0.03, events=1.0, cluster=8),
    replace(Stream(daily=0.3), rate=0.5, events=2.0),
)


def months(plan: Plan) -> Report:
    """The ratio of pages to the budget."""
    count = FULL_MONTHS if plan.full else SHORT_MONTHS
    pages = sum(_pages(plan, month) for month in range(count))
    low, high = stats.gamma.ppf([0.025, 0.975], [max(pages, 1e-9), pages + 1]) / count
    series = EACH * len(STREAMS)
    detail = f"{pages} pages in {count} months of {series} series; 95 % interval {low:.2f}-{high:.2f}"
    return Report([Figure("m", "mixed fleet: false pages over the budget", pages / count, 1.2, detail)])


def _pages(plan: Plan, month: int) -> int:
    samples = [draw(s, plan.rng(100, month, i), EACH, watch=DAYS) for i, s in enumerate(STREAMS)]
    w = 1 / (EACH * len(STREAMS) * DAYS * DAY)
    pages = 0
    for kind, bank in (("flag", FlagBank(TICK_S)), ("value", ValueBank(TICK_S))):
        mine = [s for s in samples if s.kind == kind]
        bank.append(Baseline.concat([fit(s) for s in mine]), w)
        n, s = (np.concatenate(part, axis=1) for part in zip(*((m.n, m.s) for m in mine), strict=True))
        pages += _watch(bank, n, s, mine[0].learn)
    return pages


def _watch(bank: Bank, n: Floats, s: Floats, learn: int) -> int:
    pages = 0
    for t in range(learn, len(n)):
        crossings = bank.update(MONDAY + t, n[t], s[t])
        if len(crossings):
            pages += len(crossings)
            bank.reset(crossings.rows)
    return pages
