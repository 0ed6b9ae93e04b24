"""The upper tail of a number as the baseline of its series has it."""

from __future__ import annotations

import numpy as np

from detectors.counts.aggregate import SeriesKey
from detectors.fast.fast_path import highest_rate
from detectors.fast.upper_tail import Tail
from detectors.finding import ALL
from detectors.series.series_banks import WatchList
from detectors.series.watched_series import Watched


def tail_place(watched: Watched) -> int | None:
    """Which of its channels is the upper tail; ``None`` where a distribution has none."""
    return next((i for i, channel in enumerate(watched.channels) if channel.name == "tail"), None)


def tail_of(watch: WatchList, unit: str, score: str) -> Tail | None:
    """What is learned of the upper tail of a score over all traffic; ``None`` while it is not."""
    watched = watch.find(SeriesKey(unit, score, ALL))
    place = None if watched is None else tail_place(watched)
    if watched is None or place is None:
        return None
    baseline = watch.baseline(watched, place)
    cut = int(np.flatnonzero(watched.channels[place].table == 0).max())
    return Tail.of(cut, highest_rate(baseline), baseline)
