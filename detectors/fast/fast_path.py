"""The fast path: gross rises over distinct conversations, with no season and no learning period.

While nothing is wrong a new call of a conversation that had no hit yet is a hit with at most the probability
``p_high``, declared or learned. Each then contributes an e-value (q / p)^hit ((1 - q) / (1 - p))^(1 - hit)
for a few q of 5 and more times the odds of p_high; their mixture is accrued as in `shiryaev_roberts`, so the
expected number of false pages by time t is at most w t. One user or retry loop counts once (see `distinct`).
Assumption that breaks first: p_high really bounds the rate at any hour of any day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from detectors.engine.baseline import Baseline, bounded_rate
from detectors.engine.shiryaev_roberts import LARGEST
from detectors.engine.ticks import Bools, Floats, Ints

FAST_ODDS: Floats = np.array([5.0, 10.0, 30.0])
_LOG_ODDS, _ODDS_LESS_ONE = np.log(FAST_ODDS[:, None]), FAST_ODDS[:, None] - 1
LEAST_CONVERSATIONS = 20
SCHEMA = 1


def upper_rate(hits: Floats, conversations: Floats, confidence: float = 0.99) -> Floats:
    """Clopper-Pearson upper bound of a rate: what a baseline lets ``p_high`` be."""
    hits, n = np.asarray(hits, dtype=float), np.asarray(conversations, dtype=float)
    bound: Floats = betaincinv(hits + 1, np.maximum(n - hits, 1e-9), confidence)
    return np.where(hits >= n, 1.0, bound)


def highest_rate(baseline: Baseline) -> float:
    """Upper 99 % bound of the highest rate of one flag row's weekly profile."""
    b = baseline
    hits = b.total_n - b.total_s if b.mirrored[0] else b.total_s
    upper = float(upper_rate(hits / b.long_run, b.total_n / b.long_run)[0])
    cells = (b.level[0] + b.hour[0][:, None] + b.week[0][None, :]).ravel()
    profile = bounded_rate(cells, np.full(len(cells), b.level[0]), b.form)
    level, highest = float(b.level[0]), float(profile.max())
    if b.mirrored[0]:
        level, highest = 1 - level, 1 - float(profile.min())
    return min(upper * highest / max(level, 1e-9), 1.0)


class FastBank:
    """State of C flags. Arrays are over all rows, in the order they were appended.

    Parameters
    ----------
    p_high
        Largest rate of hits per conversation that is nothing to page for, in (0, 0.5), per row.
    w
        Share of the budget, expected false pages per tick (in the stream: per minute), per row.
    tick
        Accrual starts after this tick.

    Raises
    ------
    ValueError
        If a rate or share is out of range, or lengths differ.
    """

    def __init__(self, p_high: Floats, w: Floats, tick: int) -> None:
        self.p_high = np.array(p_high, dtype=float)
        self.w = np.array(w, dtype=float)
        if self.p_high.shape != self.w.shape or self.p_high.ndim != 1:
            raise ValueError(f"one p_high and one w per row, got {self.p_high.shape} and {self.w.shape}")
        if not (np.all(self.p_high > 0) and np.all(self.p_high < 0.5)):
            raise ValueError(f"p_high must lie in (0, 0.5), got {self.p_high}")
        if not (np.all(self.w > 0) and np.all(self.w < 0.3)):
            raise ValueError(f"budget shares per tick must lie in (0, 0.3), got {self.w}")
        self.s = np.zeros((len(FAST_ODDS), len(self.w)))
        self.conversations = np.zeros(len(self.w))
        self.hits = np.zeros(len(self.w))
        self.began = np.full(len(self.w), tick + 1, dtype=np.int64)
        self.last_tick = tick

    @property
    def threshold(self) -> Floats:
        """log(1 / w) per row."""
        return np.log(1 / self.w)

    def copy(self) -> Self:
        """An independent bank in the same state."""
        return type(self).restore(self.snapshot())

    def evidence(self) -> Floats:
        """log(S / w) per row: pages at `threshold`."""
        out: Floats = np.log(np.maximum(self.s.sum(0), 1e-300)) + self.threshold
        return out

    def update(self, tick: int, bets: Floats, hits: Floats, conversations: Floats | None = None) -> Bools:
        """Count the calls of one tick that are bet on and the hits among them; which rows page.

        ``conversations`` are those not counted in this run of evidence yet (default: each call is one).
        Several updates within one tick are allowed: the share of a tick accrues once.

        Raises
        ------
        ValueError
            If time goes back, counts are not finite, or there are more hits than conversations.
        """
        n, x = self._counts(tick, bets, hits)
        new = n if conversations is None else np.asarray(conversations, dtype=float)
        log_l = x * _LOG_ODDS - n * np.log1p(_ODDS_LESS_ONE * self.p_high)
        accrued = self.s + self.w * (tick - self.last_tick) / len(FAST_ODDS)
        self.s = np.minimum(accrued * np.exp(np.minimum(log_l, 100.0)), LARGEST)
        # a run of evidence starts anew whenever the statistic is back at what a tick accrues
        total = self.s.sum(0)
        quiet = total <= 2 * self.w
        self.conversations = np.where(quiet, 0.0, self.conversations + new)
        self.hits = np.where(quiet, 0.0, self.hits + x)
        self.began = np.where(quiet, tick + 1, self.began)
        self.last_tick = tick
        page: Bools = (total >= 1) & (self.conversations >= LEAST_CONVERSATIONS)
        return page

    def _counts(self, tick: int, bets: Floats, hits: Floats) -> tuple[Floats, Floats]:
        """Bets and hits of a tick as arrays of numbers, checked as `update` says."""
        n, x = np.asarray(bets, dtype=float), np.asarray(hits, dtype=float)
        if tick < self.last_tick:
            raise ValueError(f"tick {tick} is before the last one, {self.last_tick}")
        if n.shape != self.w.shape or x.shape != self.w.shape or not np.isfinite(n).all():
            raise ValueError(f"expected finite counts for {len(self.w)} rows, got {n} and {x}")
        if not ((x >= 0).all() and (x <= n).all()):
            raise ValueError("hits must lie between 0 and the number of calls")
        return n, x

    def rebudget(self, w: float) -> None:
        """Give every row another share; what was accrued at the old one is worth as much at the new."""
        self.s *= w / self.w
        self.w = np.full(len(self.w), w)

    def start(self, tick: int) -> None:
        """Nothing was there to be watched before ``tick``."""
        self.last_tick = tick - 1
        self.began = np.full(len(self.w), tick, dtype=np.int64)

    def reset(self, rows: Ints | Sequence[int]) -> None:
        """Forget the evidence of some rows."""
        index = np.asarray(rows, dtype=np.int64)
        self.s[:, index] = 0.0
        self.conversations[index] = self.hits[index] = 0.0
        self.began[index] = self.last_tick + 1

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Everything, as named arrays."""
        return {
            "schema": np.array(SCHEMA),
            "p_high": self.p_high.copy(),
            "w": self.w.copy(),
            "s": self.s.copy(),
            "conversations": self.conversations.copy(),
            "hits": self.hits.copy(),
            "began": self.began.copy(),
            "last_tick": np.array(self.last_tick),
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Inverse of `snapshot`.

        Raises
        ------
        ValueError
            If the schema is not readable.
        """
        if int(arrays["schema"]) != SCHEMA:
            raise ValueError(f"fast path schema {arrays['schema']} is not readable, expected {SCHEMA}")
        bank = cls(
            np.array(arrays["p_high"], dtype=float),
            np.array(arrays["w"], dtype=float),
            int(arrays["last_tick"]),
        )
        bank.s = np.array(arrays["s"], dtype=float)
        bank.conversations = np.array(arrays["conversations"], dtype=float)
        bank.hits = np.array(arrays["hits"], dtype=float)
        bank.began = np.array(arrays["began"], dtype=np.int64)
        return bank
