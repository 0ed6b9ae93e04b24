"""Baselines that were learned elsewhere, and the rows they get in the banks here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from detectors.counts.aggregate import SeriesKey
from detectors.counts.channel_plan import Channel
from detectors.engine.baseline import FLAG, VALUE, Baseline
from detectors.engine.shiryaev_roberts import FlagBank, ValueBank
from detectors.engine.ticks import Ints


class Learned(Protocol):
    """A baseline by itself: one row a channel, and what was learned from."""

    @property
    def key(self) -> SeriesKey:
        """Which series it is of."""

    @property
    def version(self) -> str:
        """Of its first channel."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What is watched."""

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        """Per channel."""

    @property
    def cells(self) -> Ints:
        """Cells that were learned from."""

    @property
    def counts(self) -> Ints:
        """How often each was counted."""


def placed_rows(
    bank: Callable[[str], FlagBank | ValueBank],
    learned: Mapping[int, Learned],
    w: Mapping[int, float],
    tick: int,
) -> dict[tuple[int, int], int]:
    """Append baselines to the bank of their form; the row of each series number and channel.

    ``w`` is what a channel of a series may spend. All of a form are priced in one vector operation: one by
    one, a hundred series take seconds.
    """
    rows: dict[tuple[int, int], int] = {}
    for form in (FLAG, VALUE):
        mine = [
            (number, i)
            for number, one in sorted(learned.items())
            for i, channel in enumerate(one.channels)
            if channel.form == form
        ]
        if mine:
            baseline = Baseline.concat([learned[n].baselines[i] for n, i in mine])
            places = bank(form).append(baseline, np.array([w[n] for n, _ in mine]), tick=tick - 1)
            rows |= dict(zip(mine, map(int, places), strict=True))
    return rows
