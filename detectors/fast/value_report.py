"""From a rise of a number on the fast path to a finding: how much it is, in its own unit, and since when.

What crossed is the share of values beyond a cut; what a reader wants is that the median went from 1.2 s to
6 s. Size and onset are those of the calls of the run, as far as they are known one by one. Where the median
did not surely rise (two calls in five are slow) the share is stated.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detectors.change.effect import quantile_effect
from detectors.change.recovery import Recovery
from detectors.counts.aggregate import SeriesKey
from detectors.engine.ticks import Floats
from detectors.fast.fast_unit import Rise
from detectors.fast.value_tails import tail_of, tail_place
from detectors.finding import ALL, Finding, began_by, finding_id
from detectors.observation import ServiceKey
from detectors.scorers.protocol import ScoreSpec
from detectors.series import report
from detectors.series.watched_series import Crossing, Watched
from detectors.watch_config import WatchConfig

DETECTOR = "fast_values.1"


def value_finding(
    service: ServiceKey,
    spec: ScoreSpec,
    rise: Rise,
    log_offset: int,
    config: WatchConfig,
    history: report.History,
) -> tuple[Finding, Recovery]:
    """The finding of a rise, with the history up to its tick, and what would end it, by the minute."""
    tick, began = (minute * 60 // config.tick_s for minute in (rise.minute, rise.began))
    watched = history.watch.find(SeriesKey(spec.unit, spec.name, ALL))
    place = None if watched is None else tail_place(watched)
    assert watched is not None and place is not None  # noqa: S101, PT018 - it was bet on because of its tail
    crossing = Crossing(place, rise.evidence, rise.threshold, 1)
    stated, recovery = report.finding(
        service, spec, watched, crossing, tick, log_offset, config, history, noticed=tick
    )
    at = report.clock(60, config.counted_after_s(spec.unit))(rise.began)
    tick_at = report.clock(config.tick_s, config.counted_after_s(spec.unit))
    low, high = stated.onset_low or at, stated.onset_high or at
    stated = replace(
        stated,
        onset=at,
        onset_low=min(low, tick_at(began)),
        onset_high=max(min(high, tick_at(tick + 1)), at),
    )
    made_at = report.clock(60)(rise.minute + 1)
    return replace(
        began_by(_sized(stated, spec, rise, began, watched, history), made_at),
        finding_id=finding_id(stated.series or "", DETECTOR, tick),
        alert_kind="fast",
        made_at=made_at,
        n_users=rise.reach.users,
        n_conversations=rise.reach.conversations,
        largest_share=round(rise.reach.largest, 9),
        detector=DETECTOR,
    ), recovery.by_minute(rise.interval())


def _sized(
    stated: Finding, spec: ScoreSpec, rise: Rise, began: int, watched: Watched, history: report.History
) -> Finding:
    """The finding with the median of the run beside that of all before it, if that surely rose."""
    tail = tail_of(history.watch, spec.unit, spec.name)
    if spec.grid is None or tail is None or not rise.cells:
        return stated
    rows = history.trail.of(watched.number, watched.start, began - 1)
    values = np.array([spec.grid.value(c) for c in range(spec.grid.cells)])
    before = _counted(rows[:, 2], rows[:, 3], len(values))
    cells, counts = (np.array(side, dtype=np.int64) for side in zip(*rise.cells, strict=True))
    after = _counted(cells, counts, len(values))
    if not before.sum():
        return stated
    kappa = max(tail.kappa, 1 + (tail.kappa - 1) / tail.usual * float(counts.sum()))
    effect, low, high, old, new = quantile_effect(values, before, [after], kappa=kappa)
    if low <= 0:
        return stated
    return replace(
        stated,
        effect=effect,
        effect_low=low,
        effect_high=high,
        effect_unit=spec.value_unit or "median",
        baseline_value=old,
        current_value=new,
        n=rise.n,
        n_baseline=int(before.sum()),
        notes=(*((f"{new / old:.3g} times the median before",) if old > 0 else ()), *stated.notes[1:]),
    )


def _counted(cells: np.ndarray, counts: np.ndarray, size: int) -> Floats:
    out: Floats = np.bincount(cells, weights=counts, minlength=size)[:size].astype(float)
    return out
