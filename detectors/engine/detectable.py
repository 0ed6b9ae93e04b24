"""The smallest change a channel would notice within an hour, a day, a week.

From the delay law: an alternative that is true gathers n (KL_j / kappa_j - fade_j) of evidence a tick,
against the threshold h plus the log of the number of alternatives. A median, not a promise; no faster than
four ticks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.engine.baseline import FLAG, Baseline
from detectors.engine.price import ODDS, SHIFTS, Price, event_info, gain_per_event
from detectors.engine.ticks import DAY_S, HOUR_S, Bools, Floats, Ints

SPANS_S = (HOUR_S, DAY_S, 7 * DAY_S)
LEAST_TICKS = 4


@dataclass(frozen=True, slots=True)
class Detectable:
    """Per row: the least harmful-looking values that would be noticed within ``span_s``; NaN where none.

    ``rise`` and ``fall`` are values of the channel after the change: rates of a flag, means of a value
    channel.
    """

    span_s: int
    rise: Floats
    fall: Floats


def delay_ticks(baseline: Baseline, cost: Price, h: Floats) -> Floats:
    """Typical ticks from a change to its page, (J, C), at usual traffic."""
    gain = gain_per_event(baseline)
    usual = baseline.info / event_info(baseline)
    rate = usual * (gain / cost.kappa[0] - cost.fade)
    out: Floats = np.maximum((h + np.log(len(gain))) / np.maximum(rate, 1e-300), LEAST_TICKS)
    return out


def smallest_changes(baseline: Baseline, cost: Price, h: Floats) -> tuple[Detectable, ...]:
    """One `Detectable` per span of `SPANS_S`."""
    delay = delay_ticks(baseline, cost, np.broadcast_to(h, (len(baseline),)))
    if baseline.form == FLAG:
        g, odds = baseline.level, ODDS[:, None]
        after = odds * g / (1 + (odds - 1) * g)
        after = np.where(baseline.mirrored, 1 - after, after)
        size = np.log(ODDS)
        signs = np.where(baseline.mirrored, -1, 1) * np.sign(size)[:, None]
    else:
        after = baseline.level + SHIFTS[:, None] * np.sqrt(baseline.event_var)
        size = SHIFTS
        signs = np.broadcast_to(np.sign(size)[:, None], delay.shape)
    order = np.argsort(np.abs(size), kind="stable")
    out = []
    for span_s in SPANS_S:
        found = delay <= span_s / baseline.tick_s
        rise, fall = (_first(found & (signs == sign), after, order) for sign in (1, -1))
        out.append(Detectable(span_s, rise, fall))
    return tuple(out)


def _first(found: Bools, after: Floats, order: Ints) -> Floats:
    ordered = found[order]
    first = ordered.argmax(0)
    values = after[order][first, np.arange(found.shape[1])]
    return np.where(ordered.any(0), values, np.nan)
