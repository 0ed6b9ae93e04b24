"""The statistic of the fast path for values: exceedances of a high quantile, over a quarter of an hour.

A value beyond the upper 5 % of its baseline is a hit, so that a gross rise of latency, length, tokens or cost
is a gross rise of a rate, and is bet on as in `fast_path`. What is different of values: calls of the same
minutes are alike, all of them wait for one slow upstream. Therefore

- log-likelihoods are divided by the dispersion of a quarter of an hour, as it was learned and as it would be
  with the calls there are now (calls that are alike say the less of them the more there are);
- what one minute can give is capped, so that it takes `LEAST_MINUTES` of them;
- bets end after `WINDOW` minutes, the horizon that was priced: what takes longer is the engine's to find.

S is the sum, over the minutes a bet can have begun in, of the products since. To cap a ratio and to end a bet
never make its mean larger, nor does a power of at most one, so E[false alarms by t] <= w t as before, as far
as the dispersion is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detectors.engine.ticks import Bools, Floats, Ints
from detectors.fast.fast_path import FAST_ODDS, FastBank

WINDOW = 15
"""Minutes that a bet lasts."""
LEAST_MINUTES = 4
"""Two slow minutes, which are parts of three, page nobody, however many calls wait in them."""
_MINUTES_NEEDED = 3.1
LEAST_HITS = 10
"""Of distinct conversations: nine long outputs are nobody's incident."""
SCHEMA = 1
_LOG_ODDS, _ODDS_LESS_ONE = np.log(FAST_ODDS[:, None]), FAST_ODDS[:, None] - 1


class TailBank(FastBank):
    """State of C exceedances, a row each: what the last `WINDOW` minutes held.

    ``window_bets`` and ``window_hits`` are calls and hits by minute, the latest last. ``kappa`` is the
    dispersion of a quarter of an hour of ``usual`` calls, as learned.
    """

    def __init__(self, p_high: Floats, w: Floats, tick: int) -> None:
        super().__init__(p_high, w, tick)
        size = len(self.w)
        self.kappa: Floats = np.ones(size)
        self.usual: Floats = np.ones(size)
        self.window_bets: Floats = np.zeros((WINDOW, size))
        self.window_hits: Floats = np.zeros((WINDOW, size))

    def evidence(self) -> Floats:
        """log(S / w) per row: pages at `threshold`."""
        out: Floats = np.log(np.maximum(self._since().sum((0, 1)), 1e-300)) + self.threshold
        return out

    def lifts(self, bets: Floats, hits: Floats) -> bool:
        """Whether a minute with these calls raises any statistic: no other can make it cross."""
        return bool((hits * _LOG_ODDS[0] > bets * np.log1p(_ODDS_LESS_ONE[0] * self.p_high)).any())

    def update(self, tick: int, bets: Floats, hits: Floats, conversations: Floats | None = None) -> Bools:
        """Count the calls of one minute that are bet on and the hits among them; which rows page.

        Raises
        ------
        ValueError
            If time goes back, counts are not finite, or there are more hits than calls.
        """
        del conversations  # a hit is a conversation's first
        n, x = self._counts(tick, bets, hits)
        self.window_bets, self.window_hits = (
            _later(a, tick - self.last_tick) for a in (self.window_bets, self.window_hits)
        )
        self.window_bets[-1] += n
        self.window_hits[-1] += x
        self.last_tick = tick
        since = self._since()
        total = since.sum((0, 1))
        first = since.sum(1).argmax(0)
        self.began = np.where(total <= 2 * self.w, tick + 1, tick - WINDOW + 1 + first)
        inside = tick - np.arange(WINDOW - 1, -1, -1)[:, None] >= self.began
        self.hits = (self.window_hits * inside).sum(0)
        self.conversations = self.hits.copy()
        page: Bools = (total >= 1) & (self.hits >= LEAST_HITS)
        return page

    def _since(self) -> Floats:
        """The product of all ratios since each minute of the window, times w, by minute, odds and row."""
        kappa = np.maximum(self.kappa, 1 + (self.kappa - 1) / self.usual * self.window_bets.sum(0))
        log_l = self.window_hits[:, None] * _LOG_ODDS - self.window_bets[:, None] * np.log1p(
            _ODDS_LESS_ONE * self.p_high
        )
        log_l = np.minimum(log_l / kappa, self._most())
        total: Floats = np.cumsum(log_l[::-1], axis=0)[::-1]
        out: Floats = np.exp(np.minimum(total, 500.0)) * self.w / len(FAST_ODDS)
        return out

    def _most(self) -> Floats:
        """What a minute gives at most, per row: of three, and of bets from each minute of a quiet window."""
        h = self.threshold
        out: Floats = np.maximum(h - np.log(WINDOW), h / WINDOW) / _MINUTES_NEEDED
        return out

    def rebudget(self, w: float | Floats) -> None:
        """Give every row another share."""
        self.w = np.array(np.broadcast_to(np.asarray(w, dtype=float), self.w.shape))

    def reset(self, rows: Ints | Sequence[int]) -> None:
        """Forget the evidence of some rows."""
        index = np.asarray(rows, dtype=np.int64)
        self.window_bets[:, index] = self.window_hits[:, index] = 0.0
        super().reset(index)

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Everything, as named arrays."""
        return super().snapshot() | {
            "window_schema": np.array(SCHEMA),
            "kappa": self.kappa.copy(),
            "usual": self.usual.copy(),
            "window_bets": self.window_bets.copy(),
            "window_hits": self.window_hits.copy(),
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Inverse of `snapshot`.

        Raises
        ------
        ValueError
            If the schema is not readable.
        """
        if int(arrays["window_schema"]) != SCHEMA:
            found = arrays["window_schema"]
            raise ValueError(f"schema {found} of values on the fast path is not readable, expected {SCHEMA}")
        bank = super().restore(arrays)
        bank.kappa = np.array(arrays["kappa"], dtype=float)
        bank.usual = np.array(arrays["usual"], dtype=float)
        bank.window_bets = np.array(arrays["window_bets"], dtype=float)
        bank.window_hits = np.array(arrays["window_hits"], dtype=float)
        return bank


def _later(window: Floats, minutes: int) -> Floats:
    """A window that ends ``minutes`` later."""
    if minutes <= 0:
        return window.copy()
    kept = window[min(minutes, WINDOW) :]
    return np.concatenate([kept, np.zeros((WINDOW - len(kept), window.shape[1]))])
