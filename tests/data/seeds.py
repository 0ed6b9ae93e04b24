"""How many draws of a scenario are judged: a few with every change, and as many as are asked for."""

from __future__ import annotations

import os

from scipy import stats

_ASKED = os.environ.get("LIGHTSHIP_SEEDS")
WIDE = _ASKED is not None
"""Everything that is known is tried, not one of each kind."""


def seeds(usual: int) -> range:
    """From 1 on: ``usual`` many, or those that ``LIGHTSHIP_SEEDS`` asks for."""
    return range(1, int(_ASKED or usual) + 1)


def least(trials: int, promised: float = 0.95) -> int:
    """Successes below which there are fewer than one time in 40 if each has the promised probability."""
    return int(stats.binom.ppf(1 / 40, trials, promised))
