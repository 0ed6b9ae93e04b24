"""Channels of all watched series side by side, so that one tick is a few vector operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.engine.ticks import Ints
from detectors.series.watched_series import Watched


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Flat arrays over channels, in the order of series numbers."""

    index: Ints  # series number -> place in `starts`, -1 where not watched
    starts: Ints
    sizes: Ints
    tables: Any
    offsets: Ints
    lengths: Ints
    forms: Any
    rows: Ints
    series: Ints
    places: Ints

    @classmethod
    def of(cls, watched: Mapping[int, Watched]) -> SideBySide:
        """The channels of some series."""
        order = sorted(watched)
        index = np.full(max(order) + 1, -1, dtype=np.int64)
        index[order] = np.arange(len(order))
        sizes = np.array([len(watched[n].channels) for n in order], dtype=np.int64)
        channels = [(n, i, c) for n in order for i, c in enumerate(watched[n].channels)]
        lengths = np.array([len(c.table) for _, _, c in channels], dtype=np.int64)
        return cls(
            index,
            np.cumsum(sizes) - sizes,
            sizes,
            np.concatenate([c.table for _, _, c in channels]),
            np.cumsum(lengths) - lengths,
            lengths,
            np.array([c.form for _, _, c in channels]),
            np.array([watched[n].rows[i] for n, i, _ in channels], dtype=np.int64),
            np.array([n for n, _, _ in channels], dtype=np.int64),
            np.array([i for _, i, _ in channels], dtype=np.int64),
        )

    def sums(self, series: Ints, cells: Ints, counts: Ints) -> tuple[Any, Any]:
        """(n, s) of every channel from the cells counted in one tick."""
        size = len(self.rows)
        known = series < len(self.index)
        place = np.where(known, self.index[np.minimum(series, len(self.index) - 1)], -1)
        keep = place >= 0
        place, cells, counts = place[keep], cells[keep], counts[keep]
        sizes = self.sizes[place]
        entry = np.repeat(np.arange(len(place)), sizes)
        step = np.arange(len(entry)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        channel = self.starts[place][entry] + step
        cell = np.minimum(cells[entry], self.lengths[channel] - 1)
        value = self.tables[self.offsets[channel] + cell]
        weight = counts[entry].astype(float)
        n = np.bincount(channel, weights=weight, minlength=size)
        return n, np.bincount(channel, weights=weight * value, minlength=size)
