"""Row 12: a rate that doubles slowly, over two and over six days."""

from __future__ import annotations

import numpy as np

from bench.detection.figure import Contest, Figure, Report
from bench.detection.ordinary import SCENARIOS
from bench.detection.plan import HALF, H, Plan
from bench.detection.side_by_side import others, ours
from bench.detection.streams import DAY, Change, draw

TARGETS = {"independent": (360.0, 760.0), "daily and weekly": (380.0, 800.0)}
DAYS = (2, 6)


def ramps(plan: Plan) -> Report:
    """Both ramps in traffic without and with cycles."""
    report = Report()
    for scenario in SCENARIOS:
        if scenario.name not in TARGETS:
            continue
        quiet = draw(scenario.stream, plan.rng(1), plan.changed)
        changed = []
        for days in DAYS:
            slowly = Change(14 * DAY + HALF, float(np.log(2)), ramp=days * DAY)
            changed.append(
                (f"over {days} days", draw(scenario.stream, plan.rng(12), plan.changed, change=slowly))
            )
        mine = ours(quiet, [s for _, s in changed], HALF, H)
        for (name, _), delay, target in zip(changed, mine[0].delays, TARGETS[scenario.name], strict=True):
            what = f"{scenario.name}: odds x2 {name}, ticks"
            report.figures.append(Figure("12", what, delay.median, target, f"p90 {delay.p90:.0f}"))
        if plan.rivals:
            entries = (*mine, *others(quiet, [(s, HALF) for _, s in changed], plan))
            names = tuple(name for name, _ in changed)
            report.contests.append(Contest("12", f"{scenario.name}, odds x2 slowly", names, entries))
    return report
