"""Row 16: onset sets and effect intervals after the engine's own pages."""

from __future__ import annotations

import numpy as np

from bench.detection.engine import evidence, first_over, fit
from bench.detection.figure import Figure, Report
from bench.detection.plan import HALF, H, Plan
from bench.detection.streams import DAY, MONDAY, Change, Stream, draw
from detectors.change.effect import explain

CHANGES = ((0.02, 0.04, 0.17), (0.02, 0.10, 0.31), (0.20, 0.30, 0.26))
"""Rate before and after, and the mean width the interval may have."""


def onset(plan: Plan) -> Report:
    """Shares that do not hold, and widths."""
    report = Report()
    for before, after, width in CHANGES:
        at = 14 * DAY + HALF
        sample = draw(Stream(rate=before), plan.rng(16), plan.changed * 2, change=Change(at, after=after))
        baseline = fit(sample)
        first = first_over(evidence(sample, H, baseline), H)
        began, changed_by, widths = [], [], []
        for i in np.flatnonzero(first >= HALF):
            end = sample.learn + int(first[i]) + 1
            told = explain(baseline.take([int(i)]), MONDAY, sample.n[:end, i], sample.s[:end, i])
            began.append(told.onset_low <= MONDAY + at <= told.onset_high)
            changed_by.append(told.effect_low <= after - before <= told.effect_high)
            widths.append(told.effect_high - told.effect_low)
        name, detail = f"{before:g} to {after:g}", f"{len(began)} pages"
        report.figures += [
            Figure("16", f"{name}: onset outside of its set", 1 - float(np.mean(began)), 0.08, detail),
            Figure(
                "16", f"{name}: effect outside of its interval", 1 - float(np.mean(changed_by)), 0.05, detail
            ),
            Figure("16", f"{name}: mean width of the interval", float(np.mean(widths)), width, detail),
        ]
    return report
