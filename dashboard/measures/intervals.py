"""Intervals of shares and of their differences, and what a baseline predicts.

Rates get Wilson's score interval (Wilson 1927), differences of rates Newcombe's hybrid score interval
(Newcombe 1998, method 10). Where many intervals stand in one picture they hold together (Šidák).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.special import bdtr, bdtrik, ndtri, stdtrit

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """Both ends, in the unit of the value."""

    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether ``value`` lies outside."""
        return value < self.low or value > self.high


def together(n_intervals: int, confidence: float = CONFIDENCE) -> float:
    """Confidence of each of ``n_intervals`` so that all hold at once with ``confidence``."""
    return float(confidence ** (1 / max(1, n_intervals)))


def normal_quantile(confidence: float) -> float:
    """How many standard deviations a two-sided interval of this confidence reaches."""
    return -float(ndtri((1 - confidence) / 2))


def wilson(hits: float, n: float, confidence: float = CONFIDENCE) -> Interval:
    """Interval of the share ``hits / n``; everything (0 to 1) when ``n`` is 0."""
    if n <= 0:
        return Interval(0.0, 1.0)
    z2 = normal_quantile(confidence) ** 2
    p = min(1.0, max(0.0, hits / n))
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low = 0.0 if p == 0 else max(0.0, middle - half)
    return Interval(low, 1.0 if p == 1 else min(1.0, middle + half))


def difference(
    hits_before: float, n_before: float, hits_after: float, n_after: float, confidence: float = CONFIDENCE
) -> Interval:
    """Interval of ``hits_after / n_after - hits_before / n_before``; both ``n`` must be above 0."""
    before, after = hits_before / n_before, hits_after / n_after
    b, a = wilson(hits_before, n_before, confidence), wilson(hits_after, n_after, confidence)
    gap = after - before
    return Interval(
        gap - math.hypot(after - a.low, b.high - before),
        gap + math.hypot(a.high - after, before - b.low),
    )


def mean(total: float, squares: float, n: float, confidence: float = CONFIDENCE) -> Interval:
    """Interval of a mean from the sum and the sum of squares of ``n`` values (Student's t)."""
    if n < 2:
        return Interval(-math.inf, math.inf)
    centre = total / n
    variance = max(0.0, squares - n * centre * centre) / (n - 1)
    half = -float(stdtrit(n - 1, (1 - confidence) / 2)) * math.sqrt(variance / n)
    return Interval(centre - half, centre + half)


def predicted(rate: float, n: float, confidence: float = CONFIDENCE) -> Interval:
    """Where the share of ``n`` new outputs falls if each is a hit with probability ``rate``."""
    if n < 1:
        return Interval(0.0, 1.0)
    size = round(n)
    if not 0 < rate < 1:
        sure = min(1.0, max(0.0, rate))
        return Interval(sure, sure)
    low, high = (_hits(q, size, rate) for q in ((1 - confidence) / 2, (1 + confidence) / 2))
    return Interval(low / size, high / size)


def _hits(q: float, size: int, rate: float) -> int:
    """Least number of hits that is not exceeded with probability ``q``."""
    most: int = math.ceil(bdtrik(q, size, rate))
    return most - 1 if most > 0 and bdtr(most - 1, size, rate) >= q else most
