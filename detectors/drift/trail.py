"""Sparse history: what was counted at which tick, for learning and for looking back from a crossing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Trail:
    """Rows of (tick, key, *values) in order of time; values are whole or real numbers.

    Parameters
    ----------
    columns
        Names of the values that follow tick and key.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self._ticks: list[Ints] = []
        self._keys: list[Ints] = []
        self._values: list[Floats] = []

    def append(self, tick: int, keys: Ints, values: Floats) -> None:
        """Add the rows of one tick; ``values`` has one column per name.

        Raises
        ------
        ValueError
            If shapes do not fit.
        """
        if values.shape != (len(keys), len(self.columns)):
            raise ValueError(f"expected {(len(keys), len(self.columns))} values, got {values.shape}")
        if len(keys):
            self._ticks.append(np.full(len(keys), tick, dtype=np.int64))
            self._keys.append(np.asarray(keys, dtype=np.int64))
            self._values.append(np.asarray(values, dtype=np.float64))

    def __len__(self) -> int:
        return sum(len(k) for k in self._keys)

    def rows(self) -> tuple[Ints, Ints, Floats]:
        """All rows as (ticks, keys, values), in order."""
        self._join()
        if not self._keys:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, len(self.columns)))
        return self._ticks[0], self._keys[0], self._values[0]

    def dense(self, key: int, first: int, last: int) -> Floats:
        """Sums of one key for ticks ``first`` to ``last`` (inclusive): shape (ticks, columns)."""
        ticks, keys, values = self.rows()
        low, high = np.searchsorted(ticks, [first, last + 1])
        mine = np.flatnonzero(keys[low:high] == key) + low
        out = np.zeros((last - first + 1, len(self.columns)))
        np.add.at(out, ticks[mine] - first, values[mine])
        return out

    def drop_before(self, tick: int) -> None:
        """Forget rows older than ``tick``."""
        ticks, keys, values = self.rows()
        at = int(np.searchsorted(ticks, tick))
        self._set(ticks[at:], keys[at:], values[at:])

    def drop_keys(self, keys: Ints) -> None:
        """Forget all rows of these keys."""
        ticks, have, values = self.rows()
        keep = ~np.isin(have, keys)
        self._set(ticks[keep], have[keep], values[keep])

    def restore(self, ticks: Ints, keys: Ints, values: Floats) -> None:
        """Take over rows given by `rows`."""
        self._set(ticks, keys, values.reshape(len(keys), len(self.columns)))

    def _set(self, ticks: Ints, keys: Ints, values: Floats) -> None:
        self._ticks, self._keys, self._values = [ticks], [keys], [values]

    def _join(self) -> None:
        if len(self._keys) > 1:
            self._set(np.concatenate(self._ticks), np.concatenate(self._keys), np.concatenate(self._values))
