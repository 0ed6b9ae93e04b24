"""Since when: two-sample likelihood scan over stored ticks.

ll(tau) is the log likelihood of the ticks before tau with their own mean plus that of the ticks from tau on
with theirs, the season taken off first. The onset is its maximum; the onset set holds every tau within a
tolerance of it, grown by the dispersion kappa (3.5 covers 90-93 %, 4.5 aims at 95 %).

Changes that are known of (a new model, a release) are likelier onsets than any other tick: together they have
half of the prior, all ticks the other half. So one of k known changes is worth log(ticks / k) more than the
likelihood says. Without that, a rare event that happens to stay away for a while after a release would be
dated later, apart from everything else the release did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from detectors.engine.ticks import Floats, Ints

TOLERANCE = 4.5


@dataclass(frozen=True, slots=True)
class OnsetScan:
    """Candidate onsets: indices, into the ticks given, of the first changed tick; the set, and the best."""

    best: int
    candidates: Ints

    @property
    def low(self) -> int:
        """Earliest candidate."""
        return int(self.candidates[0])

    @property
    def high(self) -> int:
        """Latest candidate."""
        return int(self.candidates[-1])


def scan_flag(
    n: Floats,
    s: Floats,
    season: Floats,
    *,
    kappa: float = 1.0,
    start: int = 1,
    end: int | None = None,
    known: Sequence[int] = (),
) -> OnsetScan:
    """Onset of a change of rate in ticks of n events and s hits.

    ``season`` is the expected rate of each tick less the level, ``kappa`` the dispersion, ``start`` the first
    index that may be an onset and ``end`` the last (default: the last of all), ``known`` the indices of known
    changes.

    Raises
    ------
    ValueError
        If there are fewer than two ticks with events.
    """
    flat = s - n * season
    return _scan(n, flat, start, end, kappa, _binomial, known)


def scan_value(
    n: Floats,
    s: Floats,
    season: Floats,
    *,
    event_var: float,
    kappa: float = 1.0,
    start: int = 1,
    end: int | None = None,
    known: Sequence[int] = (),
) -> OnsetScan:
    """Onset of a change of mean in ticks of n events with sum s; ``event_var`` is the variance of one event.

    Raises
    ------
    ValueError
        If there are fewer than two ticks with events.
    """
    flat = (s - n * season) / np.sqrt(event_var)
    return _scan(n, flat, start, end, kappa, _gaussian, known)


def _binomial(n: Floats, s: Floats) -> Floats:
    rate = np.clip(s / np.maximum(n, 1e-300), 0.0, 1.0)
    hits = rate * n
    return np.asarray(xlogy(hits, rate) + xlogy(n - hits, 1 - rate), dtype=float)


def _gaussian(n: Floats, s: Floats) -> Floats:
    return s**2 / np.maximum(n, 1e-300) / 2


def _scan(
    n: Floats,
    s: Floats,
    start: int,
    end: int | None,
    kappa: float,
    fit: Callable[[Floats, Floats], Floats],
    known: Sequence[int],
) -> OnsetScan:
    if np.count_nonzero(n) < 2:
        raise ValueError("an onset needs at least two ticks with events")
    count, total = np.concatenate([[0.0], np.cumsum(n)]), np.concatenate([[0.0], np.cumsum(s)])
    last = len(n) - 1 if end is None else min(max(end, 0), len(n) - 1)
    last = int(np.flatnonzero(n[: last + 1] > 0)[-1]) if n[: last + 1].any() else last
    tau = np.arange(max(start, 1), last + 1)
    tau = tau[(count[tau] > 0) & (count[tau] < count[-1])]
    if not len(tau):
        tau = np.array([last])
    ll = fit(count[tau], total[tau]) + fit(count[-1] - count[tau], total[-1] - total[tau])
    kappa = max(kappa, 1.0)
    likely = np.isin(tau, np.asarray(known, dtype=np.int64))
    weighed = ll + kappa * np.log(len(tau) / max(likely.sum(), 1)) * likely
    best = int(weighed.argmax())
    near = tau[weighed >= ll.max() - TOLERANCE * kappa]
    first_event = _next_event(n, int(tau[best]))
    return OnsetScan(first_event, near)


def _next_event(n: Floats, index: int) -> int:
    """An onset among empty ticks cannot be told apart: the first tick with an event stands for them."""
    later = np.flatnonzero(n[index:] > 0)
    return index + int(later[0]) if len(later) else index
