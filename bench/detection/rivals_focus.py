"""FOCuS, written for comparison: the likelihood ratio over every start and size of a change, exactly.

For a rise the only starts that can ever lead are vertices of the lower convex hull of the walk of sums, for
a fall of the upper one: a few dozen, whatever the length (Romano, Eckley, Fearnhead and Rigaill 2023). The
level before the change is unknown and estimated from the learning period and what followed it. Rates take
the binomial likelihood, means the Gaussian one. Independent events and no season are assumed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from bench.detection.rivals import Statistic
from bench.detection.streams import Floats, Sample


class Hulls:
    """Lower hulls of many walks of (events, sum): both sides of each series, falls with their sign turned."""

    def __init__(self, walks: int) -> None:
        self.n = np.zeros((walks, 32))
        self.s = np.zeros((walks, 32))
        self.size: NDArray[np.int64] = np.ones(walks, dtype=np.int64)
        self._rows = np.arange(walks)

    def push(self, n: Floats, s: Floats) -> None:
        """Add a point to each walk; vertices that are none any more go."""
        todo = self._rows
        while len(todo):
            top = self.size[todo] - 1
            able = todo[top >= 1]
            top = self.size[able] - 1
            n1, s1 = self.n[able, top], self.s[able, top]
            n0, s0 = self.n[able, top - 1], self.s[able, top - 1]
            gone = (s1 - s0) * (n[able] - n1) >= (s[able] - s1) * (n1 - n0)
            todo = able[gone]
            self.size[todo] -= 1
        if int(self.size.max()) == self.n.shape[1]:
            self.n, self.s = (np.pad(a, ((0, 0), (0, a.shape[1]))) for a in (self.n, self.s))
        self.n[self._rows, self.size], self.s[self._rows, self.size] = n, s
        self.size += 1

    def vertices(self) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Events and sums at the vertices, (walks, most), and which of them are there."""
        most = int(self.size.max())
        there = np.arange(most) < self.size[:, None]
        return self.n[:, :most], self.s[:, :most], there


def statistic(sample: Sample) -> Floats:
    """Log likelihood ratio after each watched tick, (ticks, series)."""
    learned_n, learned_s = sample.n[: sample.learn].sum(0), sample.s[: sample.learn].sum(0)
    n, s = sample.n, sample.s
    if sample.kind != "flag":
        level = learned_s / learned_n
        e = s - n * level
        spread = (e[: sample.learn] ** 2 / np.maximum(n[: sample.learn], 1)).mean(0)
        s, learned_s = e / np.sqrt(spread), np.zeros_like(learned_s)
    series = n.shape[1]
    sign = np.repeat([1.0, -1.0], series)[:, None]
    before_n, before_s = (np.tile(a, 2)[:, None] for a in (learned_n, learned_s))
    hulls = Hulls(2 * series)
    total_n, total_s = np.zeros(2 * series), np.zeros(2 * series)
    out = np.zeros((sample.watched, series))
    for i in range(sample.watched):
        total_n = total_n + np.tile(n[sample.learn + i], 2)
        total_s = total_s + np.tile(s[sample.learn + i], 2)
        at_n, at_s, there = hulls.vertices()
        old = (before_n + at_n, before_s + sign * at_s)
        new = (total_n[:, None] - at_n, total_s[:, None] - sign * at_s)
        ratio = _rates(old, new) if sample.kind == "flag" else _means(old, new)
        best = np.where(there & (new[0] > 0), ratio, 0.0).max(1)
        out[i] = np.maximum(best[:series], best[series:])
        hulls.push(total_n, sign[:, 0] * total_s)
    return out


def _rates(old: tuple[Floats, Floats], new: tuple[Floats, Floats]) -> Floats:
    """Binomial log likelihood of two rates less that of one."""
    both = (old[0] + new[0], old[1] + new[1])
    out: Floats = _log_likelihood(*old) + _log_likelihood(*new) - _log_likelihood(*both)
    return out


def _log_likelihood(n: Floats, s: Floats) -> Floats:
    n = np.maximum(n, 1e-9)
    out: Floats = xlogy(s, s / n) + xlogy(n - s, (n - s) / n)
    return out


def _means(old: tuple[Floats, Floats], new: tuple[Floats, Floats]) -> Floats:
    n0, n1 = old[0], np.maximum(new[0], 1e-9)
    out: Floats = 0.5 * n0 * n1 / (n0 + n1) * (new[1] / n1 - old[1] / n0) ** 2
    return out


FOCUS = Statistic("FOCuS, level unknown", statistic, None, ("flag", "value"))
