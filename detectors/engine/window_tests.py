"""Tumbling windows against a reference: Kolmogorov-Smirnov, chi-square, Wasserstein, Jensen-Shannon, PSI.

Purpose: what reports and backtests compare with. Input is events per cell of a score's grid; when a window
holds ``window`` events it is compared with the reference and begun anew. KS and chi-square have a p-value
(evidence -log p, threshold -log alpha) that holds for one window of independent events: in a stream of them
it is spent once each, on correlated events it is wrong from the first. Wasserstein (in cells),
Jensen-Shannon (base 2, 0..1) and PSI are sizes, with a limit that controls nothing. Nothing is seen before a
window is full: 2 to 20 times the delay of the sequential test at equal false alarms.

Sources: Massey 1951 (KS on groups is conservative), Pearson 1900, Lin 1991 (Jensen-Shannon); PSI is the
symmetrised Kullback-Leibler divergence of credit scoring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # noqa: TID253 - of backtests alone
from scipy.spatial import distance

from detectors.engine.ticks import Bools, Floats, Ints

SCHEMA = 1
LARGEST = 1e6
"""Evidence ends here: a p-value may be too small for a number."""
HALF = 0.5
"""Added to every cell where a logarithm would not take an empty one."""


def kolmogorov_smirnov(reference: Floats, window: Floats) -> float:
    """-log p of the two-sample test on cells in order; their ties make it conservative."""
    n, m = reference.sum(), window.sum()
    gap = float(np.abs(np.cumsum(reference) / n - np.cumsum(window) / m).max())
    size = n * m / (n + m)
    return float(-stats.kstwo.logsf(gap, max(1, round(size)))) if gap > 0 else 0.0


def chi_square(reference: Floats, window: Floats) -> float:
    """-log p of the test of homogeneity over cells that either side has."""
    table = np.stack([reference, window])
    table = table[:, table.sum(0) > 0]
    if table.shape[1] < 2:
        return 0.0
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(-stats.chi2.logsf(statistic, table.shape[1] - 1))


def wasserstein(reference: Floats, window: Floats) -> float:
    """Mean distance that events would have to move, in cells."""
    cells = np.arange(len(reference))
    return float(stats.wasserstein_distance(cells, cells, reference, window))


def jensen_shannon(reference: Floats, window: Floats) -> float:
    """Distance, base 2: 0 for equal shares, 1 for nothing in common."""
    return float(distance.jensenshannon(reference, window, base=2))


def psi(reference: Floats, window: Floats) -> float:
    """Population stability index, half an event added to every cell."""
    p, q = (x + HALF for x in (reference, window))
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


STATISTICS: Mapping[str, Callable[[Floats, Floats], float]] = MappingProxyType(
    {
        "ks": kolmogorov_smirnov,
        "chi2": chi_square,
        "wasserstein": wasserstein,
        "jensen_shannon": jensen_shannon,
        "psi": psi,
    }
)


class WindowTest:
    """Rows of one statistic. ``reference`` holds events per cell, shape (rows, cells).

    ``limit``: a smaller p-value alarms (``ks`` and ``chi2``), or a size that reaches it (the others).

    Raises
    ------
    ValueError
        If the statistic is not known, the reference is empty or not finite, or limit or window are out of
        range.
    """

    def __init__(self, statistic: str, reference: Floats, window: int, limit: float, tick: int = -1) -> None:
        reference = np.array(reference, dtype=float)
        if statistic not in STATISTICS:
            raise ValueError(f"{statistic!r} is not one of {', '.join(STATISTICS)}")
        if reference.ndim != 2 or not np.isfinite(reference).all() or np.any(reference < 0):
            raise ValueError(f"a reference holds finite counts (rows, cells), got shape {reference.shape}")
        if not np.all(reference.sum(1) > 0):
            raise ValueError(f"rows {np.flatnonzero(reference.sum(1) <= 0).tolist()} have an empty reference")
        if window < 1 or not limit > 0 or (statistic in ("ks", "chi2") and limit >= 1):
            raise ValueError(f"window {window} or limit {limit} is out of range for {statistic}")
        self.statistic, self.window, self.limit, self.last_tick = statistic, window, limit, tick
        self._reference = reference
        self._open = np.zeros_like(reference)
        self._evidence = np.zeros(len(reference))

    @property
    def threshold(self) -> Floats:
        """-log alpha, or the size that alarms."""
        at = -np.log(self.limit) if self.statistic in ("ks", "chi2") else self.limit
        return np.full(len(self._reference), at)

    def evidence(self) -> Floats:
        """Statistic of each row's last full window; 0 before there is one."""
        return self._evidence.copy()

    def update(self, tick: int, n: Floats, s: Floats) -> Bools:
        """Add a tick's events per cell, ``n`` their number; rows whose window became full and alarms."""
        n, s = np.asarray(n, dtype=float), np.asarray(s, dtype=float)
        if tick <= self.last_tick:
            raise ValueError(f"tick {tick} is not after the last one, {self.last_tick}")
        if s.shape != self._reference.shape or n.shape != s.shape[:1] or not np.isfinite(s).all():
            raise ValueError(f"expected finite counts {self._reference.shape}, got {n.shape} and {s.shape}")
        if np.any(s < 0) or not np.allclose(s.sum(1), n):
            raise ValueError(
                "counts per cell must lie between 0 and the events of their row, and add up to them"
            )
        self._open += s
        full = np.flatnonzero(self._open.sum(1) >= self.window)
        compare = STATISTICS[self.statistic]
        for row in full:
            self._evidence[row] = min(compare(self._reference[row], self._open[row]), LARGEST)
        self._open[full] = 0.0
        self.last_tick = tick
        alarms = np.zeros(len(n), dtype=bool)
        alarms[full] = self._evidence[full] >= self.threshold[full]
        return alarms

    def reset(self, rows: Ints | Sequence[int]) -> None:
        """Empty the windows of some rows; the reference stays."""
        index = np.asarray(rows, dtype=np.int64)
        self._open[index] = 0.0
        self._evidence[index] = 0.0

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything, as named arrays."""
        return {
            "schema": np.array(SCHEMA),
            "statistic": np.array(self.statistic),
            "window": np.array(self.window),
            "limit": np.array(self.limit),
            "last_tick": np.array(self.last_tick),
            "reference": self._reference.copy(),
            "open": self._open.copy(),
            "evidence": self._evidence.copy(),
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Inverse of `snapshot`.

        Raises
        ------
        ValueError
            If the schema is not readable.
        """
        if int(arrays["schema"]) != SCHEMA:
            raise ValueError(f"window test of schema {arrays['schema']} is not readable, expected {SCHEMA}")
        made = cls(
            str(arrays["statistic"]),
            arrays["reference"],
            int(arrays["window"]),
            float(arrays["limit"]),
            int(arrays["last_tick"]),
        )
        made._open = np.array(arrays["open"], dtype=float)
        made._evidence = np.array(arrays["evidence"], dtype=float)
        return made
