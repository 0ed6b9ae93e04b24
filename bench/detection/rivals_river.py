"""river's detectors, through their public interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from river import drift

from bench.detection.rivals import Statistic, Tuned
from bench.detection.streams import Floats, Sample

KSWIN_WINDOW = 100
"""Values it remembers, as the library sets it."""


def adwin(delta: float) -> Any:
    """ADWIN (Bifet and Gavalda 2007)."""
    made: Any = drift.ADWIN(delta=delta)  # type: ignore[no-untyped-call]
    return made


def page_hinkley(threshold: float) -> Any:
    """Page-Hinkley's test; the threshold is in units of the data."""
    made: Any = drift.PageHinkley(threshold=threshold)
    return made


def kswin(alpha: float) -> Any:
    """KSWIN (Raab, Heusinger and Schleif 2020)."""
    made: Any = drift.KSWIN(alpha=alpha, seed=1)
    return made


def _first(detector: Any, values: Sequence[float], learn: int) -> int:
    for i, value in enumerate(values):
        detector.update(value)
        if i >= learn and detector.drift_detected:
            return i - learn
    return -1


def _p_values(sample: Sample) -> Floats:
    """-log p of KSWIN after each watched tick: one run serves every alpha up to the first alarm.

    It remembers no more than its window, so it need not see what came long before.
    """
    out = np.empty((sample.watched, sample.n.shape[1]))
    start = max(sample.learn - KSWIN_WINDOW, 0)
    for r, values in enumerate(sample.means[start:].T.tolist()):
        detector = kswin(0.0)
        for i, value in enumerate(values, start - sample.learn):
            detector.update(value)
            if i >= 0:
                out[i, r] = -np.log(max(detector.p_value, 1e-300))
    return out


ADWIN = Tuned("river ADWIN", lambda x, v, learn: _first(adwin(10**v), x, learn), -0.5, -14.0, np.log10(0.002))
PAGE_HINKLEY = Tuned(
    "river PageHinkley", lambda x, v, learn: _first(page_hinkley(10**v), x, learn), -2.0, 4.0, np.log10(50)
)
KSWIN = Statistic("river KSWIN", _p_values, ("alpha .005", float(-np.log(0.005))), ("flag", "value"))
