"""Traffic as a rate channel: counts per tick as hits among a large, constant number of possible events.

With a rate of about one in a thousand the binomial is a Poisson count, so quiet ticks, seasons, bursts and
dispersion are priced as for any other rate. A logarithm of counts was tried: its scatter differs between
quiet and busy hours, and it left the budget on 3 of 10 plain daily cycles.
"""

from __future__ import annotations

import numpy as np

from detectors.engine.ticks import Floats

POSSIBLE = 1000.0
"""Possible events per event that is usual."""


def possible_events(counts: Floats) -> float:
    """Constant number of possible events of a tick, from the counts per tick of the learning period."""
    mean = float(counts.mean()) if len(counts) else 0.0
    return float(np.ceil(POSSIBLE * max(mean, 1 / POSSIBLE) + (counts.max() if len(counts) else 0.0)))


def aggregate_volume(counts: Floats, possible: float) -> tuple[Floats, Floats]:
    """(n, s) per tick of the volume channel; more than is possible counts as what is possible."""
    return np.full(len(counts), possible), np.minimum(counts, possible)
