"""frouros' detectors, where that package is installed: it is no dependency of ours."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.detection.rivals import Tuned


def frouros() -> tuple[Tuned, ...]:
    """ADWIN and Page-Hinkley of frouros, or nothing."""
    try:
        module: Any = importlib.import_module("frouros.detectors.concept_drift")
    except ImportError:
        return ()

    def adwin(values: Sequence[float], setting: float, learn: int) -> int:
        return _first(module.ADWIN(config=module.ADWINConfig(delta=10**setting)), values, learn)

    def page_hinkley(values: Sequence[float], setting: float, learn: int) -> int:
        config = module.PageHinkleyConfig(lambda_=10**setting)
        return _first(module.PageHinkley(config=config), values, learn)

    return (
        Tuned("frouros ADWIN", adwin, -0.5, -14.0, float(np.log10(0.002))),
        Tuned("frouros PageHinkley", page_hinkley, -2.0, 4.0, float(np.log10(50))),
    )


def _first(detector: Any, values: Sequence[float], learn: int) -> int:
    for i, value in enumerate(values):
        detector.update(value=value)
        if detector.drift:
            if i >= learn:
                return i - learn
            detector.reset()
    return -1
