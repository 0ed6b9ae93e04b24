"""All detectors on the same traffic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.detection.engine import among_siblings, evidence, first_over
from bench.detection.figure import Alarms, Delay, Entry
from bench.detection.plan import Plan
from bench.detection.rivals import Rival, Statistic
from bench.detection.rivals_focus import FOCUS
from bench.detection.rivals_frouros import frouros
from bench.detection.rivals_river import ADWIN, KSWIN, PAGE_HINKLEY
from bench.detection.rivals_windows import CHI_SQUARE, KS, PSI
from bench.detection.streams import Floats, Sample

RIVALS: tuple[Rival, ...] = (ADWIN, PAGE_HINKLEY, KS, CHI_SQUARE, PSI, FOCUS, *frouros())
SLOW_SERIES = 6
"""Series of KSWIN, which takes 3,000 values a second."""


def others(
    quiet: Sample,
    changed: Sequence[tuple[Sample, int]],
    plan: Plan,
    *,
    slow: bool = False,
    per_tick: float = 1.0,
) -> list[Entry]:
    """Everyone else on the first series of the same samples; ``slow`` lets KSWIN take part.

    The watched tick at which the series of a sample change stands beside it.
    """
    few = quiet.first(plan.rivals)
    later = [(s.first(plan.rivals), at) for s, at in changed]
    entries = [r.enter(few, later, per_tick) for r in RIVALS if r.takes(quiet.kind)]
    if slow and KSWIN.takes(quiet.kind):
        series = plan.rivals if plan.full else SLOW_SERIES
        entries.append(KSWIN.enter(few.first(series), [(s.first(series), at) for s, at in later], per_tick))
    return entries


def ours(
    quiet: Sample, changed: Sequence[Sample], at: int, h: float, per_tick: float = 1.0
) -> tuple[Entry, Entry]:
    """Our engine twice: at the threshold that follows from the budget, and calibrated like the others."""
    known: dict[int, Floats] = {id(s): evidence(s, h) for s in (quiet, *changed)}
    alarms = Alarms.of(first_over(known[id(quiet)], h), quiet.watched, quiet.events)
    delays = tuple(Delay.of(first_over(known[id(s)], h), at, s.watched, per_tick) for s in changed)
    same = Statistic("Lightship, calibrated like the others", lambda s: known[id(s)])
    equal = same.enter(quiet, [(s, at) for s in changed], per_tick)
    top = np.sort(known[id(quiet)].max(0))[::-1]
    told = f"threshold {top[int(0.05 * len(top))]:.1f} instead of {h:.1f}"
    return (
        Entry("Lightship, threshold from the budget", alarms, delays),
        Entry(equal.who, equal.alarms, equal.delays, told),
    )


def among_alike(quiet: Sample, changed: Sequence[Sample], at: int, h: float, per_tick: float = 1.0) -> Entry:
    """Our engine where the series of each sample are siblings, at the threshold from the budget."""
    first = [first_over(evidence(s, h, among_siblings(s)), h) for s in (quiet, *changed)]
    alarms = Alarms.of(first[0], quiet.watched, quiet.events)
    delays = tuple(Delay.of(f, at, s.watched, per_tick) for f, s in zip(first[1:], changed, strict=True))
    return Entry("Lightship, series that are alike", alarms, delays)
