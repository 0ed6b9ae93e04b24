"""Tumbling windows of about 1,000 events against the learning period: KS, chi-square, PSI (scipy).

Chi-square and PSI compare hits and misses of a flag, levels of a category, and tenths of the learned tick
means of a value. What is usually set: p below .05 a window, PSI above .2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from bench.detection.rivals import Statistic
from bench.detection.streams import Floats, Sample

WINDOW_EVENTS = 1000
LEAST_TICKS = 10
TENTHS = 10
LEAST_SHARE = 1e-4


def _by_window(compute: Callable[[Sample, slice], Floats]) -> Callable[[Sample], Floats]:
    """A number per window, said at its last tick."""

    def per_tick(sample: Sample) -> Floats:
        learned = float(sample.n[: sample.learn].mean())
        size = max(LEAST_TICKS, round(WINDOW_EVENTS / max(learned, 1e-9)))
        out = np.full((sample.watched, sample.n.shape[1]), -np.inf)
        for end in range(size, sample.watched + 1, size):
            out[end - 1] = compute(sample, slice(sample.learn + end - size, sample.learn + end))
        return out

    return per_tick


def _shares(sample: Sample, part: slice) -> tuple[Floats, Floats]:
    """Counts per cell of the learning period and of a window, (cells, series)."""
    learn = slice(0, sample.learn)
    if sample.kind == "flag":
        old, new = (np.stack([sample.s[p].sum(0), (sample.n - sample.s)[p].sum(0)]) for p in (learn, part))
        return old, new
    if sample.kind == "category":
        return _counts(sample.s[learn], sample.cells), _counts(sample.s[part], sample.cells)
    means = sample.means
    edges = np.quantile(means[learn], np.arange(1, TENTHS) / TENTHS, axis=0)
    old, new = ((means[p][None] > edges[:, None]).sum(0).astype(float) for p in (learn, part))
    return _counts(old, TENTHS), _counts(new, TENTHS)


def _counts(levels: Floats, cells: int) -> Floats:
    return np.stack([(levels == c).sum(0) for c in range(cells)]).astype(float)


def _psi(sample: Sample, part: slice) -> Floats:
    old, new = _shares(sample, part)
    p, q = (np.maximum(c / np.maximum(c.sum(0), 1), LEAST_SHARE) for c in (old, new))
    index: Floats = ((q - p) * np.log(q / p)).sum(0)
    return index


def _chi_square(sample: Sample, part: slice) -> Floats:
    """-log p of the homogeneity of both samples; cells that never occurred are left out."""
    old, new = _shares(sample, part)
    both = np.stack([old, new])
    expected = both.sum(0) * (both.sum(1) / np.maximum(both.sum((0, 1)), 1))[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = np.where(expected > 0, (both - expected) ** 2 / expected, 0.0)
    p_log = stats.chi2.logsf(terms.sum((0, 1)), len(old) - 1)
    return np.asarray(-p_log, dtype=float)


def _ks(sample: Sample, part: slice) -> Floats:
    """-log p of tick means, by the asymptotic two-sample distribution of `scipy.stats.ks_2samp`."""
    means = sample.means
    old, new = np.sort(means[: sample.learn], axis=0), np.sort(means[part], axis=0)
    far = np.empty(means.shape[1])
    for r in range(means.shape[1]):
        every = np.concatenate([old[:, r], new[:, r]])
        below = (np.searchsorted(x[:, r], every, side="right") / len(x) for x in (old, new))
        far[r] = np.abs(np.subtract(*below)).max()
    pairs = round(len(old) * len(new) / (len(old) + len(new)))
    return np.asarray(-np.log(np.maximum(stats.kstwo.sf(far, pairs), 1e-300)), dtype=float)


P05 = ("p < .05", float(-np.log(0.05)))
CHI_SQUARE = Statistic("scipy chi-square, windows of 1,000 events", _by_window(_chi_square), P05)
PSI = Statistic("PSI, windows of 1,000 events", _by_window(_psi), ("above .2", 0.2))
KS = Statistic("scipy KS, windows of 1,000 events", _by_window(_ks), P05, ("flag", "value"))
