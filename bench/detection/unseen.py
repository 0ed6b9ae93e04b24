"""Row 6, and the storms of row 7: traffic that the baseline never saw must not page."""

from __future__ import annotations

from dataclasses import replace

from bench.detection.engine import false_alarms
from bench.detection.figure import Report
from bench.detection.ordinary import DAILY, budget_figure, ordinary
from bench.detection.plan import H, Plan
from bench.detection.streams import DAY, Stream

MIXED = Stream(daily=0.5, conversation=4, icc=0.2)
UNSEEN = (
    ("traffic x10", replace(MIXED, step=10)),
    ("traffic / 10", replace(MIXED, step=0.1)),
    ("half of the ticks empty", replace(MIXED, empty=0.5)),
    ("memory .9, traffic x10", Stream(memory=0.9, memory_sd=0.25, step=10)),
    ("days differ, traffic x10", replace(DAILY, day_sd=0.1, step=10)),
)
STORMS = (
    ("storms from one day on, daily", replace(DAILY, new_storms=1 / DAY)),
    ("storms from one day on, every 8 hours", replace(DAILY, new_storms=3 / DAY)),
)


def traffic(plan: Plan) -> Report:
    """Row 6."""
    return Report([budget_figure("6", name, false_alarms(stream, plan, H)) for name, stream in UNSEEN])


def storms(plan: Plan) -> Report:
    """Row 7: in the baseline, and new."""
    report = ordinary("7", plan)
    report.figures += [budget_figure("7", name, false_alarms(stream, plan, H)) for name, stream in STORMS]
    return report
