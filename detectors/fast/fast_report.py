"""From a rise on the fast path to a finding, in the same words as any other change.

A tick says less than the calls of its minutes: with what went well before the change in the same tick, a rise
to 60 % reads as one to 4 %. Where the run of evidence began within the tick that is found as the onset, onset
and size are those of the run.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from detectors.change.effect import Explanation, wilson
from detectors.change.recovery import Recovery
from detectors.counts.aggregate import SeriesKey
from detectors.counts.channel_plan import Channel
from detectors.counts.history import Rows
from detectors.engine.baseline import FLAG, Baseline
from detectors.engine.dispersion import fit_flags
from detectors.fast.fast_unit import Rise
from detectors.fast.fast_watch import ACCEPTED, DECLARED, LEARNED, USUAL, Ceiling
from detectors.finding import ALL, Finding, began_by, finding_id
from detectors.observation import ServiceKey
from detectors.scorers.protocol import ScoreSpec
from detectors.series import report
from detectors.series.watched_series import Crossing, Watched
from detectors.watch_config import WatchConfig

DETECTOR = "fast_path.2"
_SOURCES = {
    ACCEPTED: "the accepted level",
    DECLARED: "the declared limit",
    LEARNED: "the highest rate of the baseline's week",
    USUAL: "what is usual of any service, or of this one when it began: declare a limit of your own",
}


def fast_finding(
    service: ServiceKey,
    spec: ScoreSpec,
    rise: Rise,
    limit: Ceiling,
    log_offset: int,
    config: WatchConfig,
    history: report.History,
) -> tuple[Finding, Recovery]:
    """The finding of a rise, with the history up to its tick, and what would end it, by the minute."""
    unit, score = spec.unit, spec.name
    tick, began = (minute * 60 // config.tick_s for minute in (rise.minute, rise.began))
    series = SeriesKey(unit, score, ALL)
    watched = history.watch.find(series)
    against, told = None, None
    if watched is None:
        number = next(n for n, k in history.names.items() if k == series)
        rows = history.trail.of(number, 0, tick)
        channel = Channel("rate", FLAG, np.array([0.0, 1.0]))
        start = int(rows[0, 0])
        none = np.zeros(0, dtype=np.int64)
        watched = Watched(number, series, (channel,), (), start, start, "", none, none)
        against = _flat(rows, began, config.tick_s) if began > start else None
        if against is None:
            against, told = _level(limit.rate, config.tick_s), _from_the_start(rows, limit.rate)
    crossing = Crossing(0, rise.evidence, rise.threshold, 1)
    stated, recovery = report.finding(
        service, spec, watched, crossing, tick, log_offset, config, history, against=against, told=told
    )
    made_at = report.clock(60)(rise.minute + 1)
    behind_s = config.counted_after_s(unit)
    if stated.onset == report.clock(config.tick_s, behind_s)(began):
        stated = _of_the_run(stated, rise, report.clock(60, behind_s)(rise.began))
    return replace(
        began_by(stated, made_at),
        finding_id=finding_id(stated.series or "", DETECTOR, tick),
        alert_kind="fast",
        severity="ticket" if limit.source == USUAL else stated.severity,
        made_at=made_at,
        baseline_version=stated.baseline_version or None,
        n_users=rise.reach.users if stated.n_users is None else stated.n_users,
        n_conversations=(
            rise.reach.conversations if stated.n_conversations is None else stated.n_conversations
        ),
        largest_share=(
            round(rise.reach.largest, 9) if stated.largest_share is None else stated.largest_share
        ),
        detector=DETECTOR,
        notes=(*stated.notes, f"more than {limit.rate:.3g} of calls, {_SOURCES[limit.source]}"),
    ), recovery.by_minute(rise.interval())


def _of_the_run(stated: Finding, rise: Rise, began: datetime) -> Finding:
    """A finding with the onset and size of the run of evidence, if its calls are known.

    The interval is Wilson's, less the baseline, which rests on far more calls.
    """
    interval = rise.interval()
    if interval is None or stated.baseline_value is None:
        return stated
    low, high = interval
    rate, before = rise.hits / rise.n, stated.baseline_value
    return replace(
        stated,
        onset=began,
        effect=rate - before,
        effect_low=low - before,
        effect_high=high - before,
        current_value=rate,
        n=rise.n,
    )


def _flat(rows: Rows, before: int, tick_s: int) -> Baseline | None:
    """The level of the ticks before ``before``, without a season; ``None`` if they hold nothing."""
    old = rows[rows[:, 0] < before]
    n = float(old[:, 3].sum())
    return _level(float(old[old[:, 2] == 1, 3].sum()) / n, tick_s) if n else None


def _level(rate: float, tick_s: int) -> Baseline:
    ticks = 3600 // tick_s
    return fit_flags(np.full((ticks, 1), 100.0), np.full((ticks, 1), 100.0 * rate), 0, tick_s)


def _from_the_start(rows: Rows, limit: float) -> Explanation:
    """What was over its limit from the first tick on has no onset to look for."""
    first = int(rows[0, 0])
    n, s = float(rows[:, 3].sum()), float(rows[rows[:, 2] == 1, 3].sum())
    (low,), (high,) = wilson(np.array([n]), np.array([s]))
    rate = s / n
    return Explanation(
        onset=first,
        onset_low=first,
        onset_high=first,
        candidates=np.array([first]),
        effect=rate - limit,
        effect_low=low - limit,
        effect_high=high - limit,
        baseline_value=limit,
        current_value=rate,
        current_low=low,
        current_high=high,
        odds_ratio=None,
        n=round(n),
        n_baseline=0,
        kappa=1.0,
    )
