"""Sparse history of a service: which cell of which series was counted how often at which tick.

It is what a baseline is learned from and what a crossing is looked back into. Rows stay in order of time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
"""Shape (rows, 4): tick, series number, cell, count."""

_TICK, _SERIES = 0, 1


class CellHistory:
    """Rows of (tick, series, cell, count), whole numbers below 2^31."""

    def __init__(self) -> None:
        self._parts: list[Rows] = []

    def append(self, tick: int, series: Ints, cells: Ints, counts: Ints) -> None:
        """Add what one tick counted; ticks must not go back."""
        if len(series):
            rows = np.empty((len(series), 4), dtype=np.int32)
            rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] = tick, series, cells, counts
            self._parts.append(rows)

    def extended(self, tick: int, series: Ints, cells: Ints, counts: Ints) -> CellHistory:
        """Another history with what one more tick counted; this one stays as it is."""
        out = CellHistory()
        out._parts = [*self._parts]
        out.append(tick, series, cells, counts)
        return out

    def __len__(self) -> int:
        return sum(len(p) for p in self._parts)

    def rows(self) -> Rows:
        """All rows, in order."""
        if len(self._parts) != 1:
            empty: Rows = np.zeros((0, 4), dtype=np.int32)
            self._parts = [np.concatenate(self._parts) if self._parts else empty]
        return self._parts[0]

    def between(self, first: int, last: int) -> Rows:
        """Rows of ticks ``first`` to ``last``, both included."""
        rows = self.rows()
        low, high = np.searchsorted(rows[:, _TICK], [first, last + 1])
        return rows[low:high]

    def of(self, series: int, first: int, last: int) -> Rows:
        """Rows of one series."""
        rows = self.between(first, last)
        mine: Rows = rows[rows[:, _SERIES] == series]
        return mine

    def by_series(self, first: int, last: int) -> dict[int, Rows]:
        """Rows per series, each in order of time."""
        rows = self.between(first, last)
        order = np.argsort(rows[:, _SERIES], kind="stable")
        rows = rows[order]
        numbers, starts = np.unique(rows[:, _SERIES], return_index=True)
        parts = np.split(rows, starts[1:]) if len(numbers) else []
        return {int(n): part for n, part in zip(numbers, parts, strict=True)}

    def last_ticks(self) -> dict[int, int]:
        """Tick of the last row of every series."""
        rows = self.rows()
        last = np.full(int(rows[:, _SERIES].max(initial=-1)) + 1, -1, dtype=np.int64)
        last[rows[:, _SERIES]] = rows[:, _TICK]  # rows are in order of time: the last one stays
        return {int(n): int(last[n]) for n in np.flatnonzero(last >= 0)}

    def drop(self, series: Ints, before: int) -> None:
        """Forget the rows of these series older than tick ``before``."""
        rows = self.rows()
        gone = np.isin(rows[:, _SERIES], series) & (rows[:, _TICK] < before)
        self._parts = [rows[~gone]]

    def drop_before(self, tick: int) -> None:
        """Forget all rows older than ``tick``."""
        rows = self.rows()
        self._parts = [rows[int(np.searchsorted(rows[:, _TICK], tick)) :]]

    def restore(self, rows: Rows) -> None:
        """Take over rows given by `rows`."""
        self._parts = [rows]
