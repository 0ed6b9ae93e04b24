"""A new level for a known channel: the baseline after a change that stays.

Season and dispersion are kept; the level comes from ticks since the change. Because those are few, the null
price starts from little and keeps learning, which is what its e-values are made for (predictive price).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detectors.engine.baseline import FLAG, MIN_RATE, Baseline
from detectors.engine.dispersion import MEDIAN_OF_CHI2
from detectors.engine.ticks import Floats, day_number, hour_of_day, single, weekday


def relevel(baseline: Baseline, first_tick: int, n: Floats, s: Floats) -> Baseline:
    """Baseline of the same rows at the level of the ticks given, n and s of shape (T, C).

    Rows without any event there are returned as they are.

    Raises
    ------
    ValueError
        If the number of channels differs.
    """
    if n.ndim != 2 or n.shape != s.shape or n.shape[1] != len(baseline):
        raise ValueError(f"expected ticks of {len(baseline)} channels, got {n.shape} and {s.shape}")
    ticks = first_tick + np.arange(len(n), dtype=np.int64)
    hours = hour_of_day(ticks, baseline.tick_s)
    days = weekday(day_number(ticks, baseline.tick_s))
    season = (baseline.hour[:, hours] + baseline.week[:, days]).T
    total = n.sum(0)
    if baseline.form == FLAG:
        own = np.where(baseline.mirrored, n - s, s)
        rate = ((own - n * season).sum(0) + 0.5) / (total + 1)
        new = _flags(baseline, np.clip(rate, MIN_RATE, 1 - MIN_RATE), total)
    else:
        flat = s - n * season
        level = flat.sum(0) / np.maximum(total, 1e-300)
        new = _values(baseline, level, n, flat, total)
    kept = np.flatnonzero(total <= 0)
    if not len(kept):
        return new
    order = np.arange(len(baseline))
    order[kept] += len(baseline)
    return Baseline.concat([new, baseline]).take(order)


def _flags(b: Baseline, rate: Floats, total: Floats) -> Baseline:
    """Effects keep their size in log odds, and so does shared dispersion: both grow with rate (1 - rate)."""
    ratio = rate * (1 - rate) / np.maximum(b.level * (1 - b.level), MIN_RATE)
    turned = rate > 0.5
    level = np.where(turned, 1 - rate, rate)
    sign = np.where(turned, -1.0, 1.0) * ratio
    excess = np.maximum(b.block_kappa, 1.0) - 1
    grown = 1 + excess * np.maximum(ratio, 1.0)[:, None]
    return replace(
        b,
        level=level,
        hour=single(b.hour * sign[:, None]),
        week=single(b.week * sign[:, None]),
        block_kappa=single(np.where(ratio[:, None] > 1, grown, b.block_kappa)),
        info=b.info * ratio,
        total_s=level * total,
        total_n=total,
        mirrored=b.mirrored ^ turned,
    )


def _values(b: Baseline, level: Floats, n: Floats, flat: Floats, total: Floats) -> Baseline:
    """The spread may have grown with the level: the larger of the two counts."""
    e = (flat - n * level) ** 2 / np.maximum(n, 1)
    spread = np.array([np.median(e[n[:, c] > 0, c]) if total[c] > 0 else 0.0 for c in range(len(b))])
    return replace(
        b,
        level=level,
        event_var=np.maximum(b.event_var, spread / MEDIAN_OF_CHI2),
        total_s=total.copy(),
        total_n=total,
    )
