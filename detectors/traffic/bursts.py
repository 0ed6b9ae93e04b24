"""Bursts that come and go: what the engine hides by design, because it needs at least four ticks.

Per tick and channel z is the signed root of twice the log likelihood ratio over the usual dispersion of a
tick. A burst begins where z is beyond what the budget of tickets allows (as if it were normal) and well
beyond every tick of the learning period, and it is over when z is back among the usual. It is filed then, if
it lasted at most `LONGEST` ticks; what lasts longer belongs to the engine. Never a page: one tick says little
of how traffic scatters, and the normal tail is the assumption that breaks first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import log_ndtr, xlogy

from detectors.engine.baseline import FLAG, Baseline, bounded_rate
from detectors.engine.ticks import Floats, Ints, day_number, hour_of_day, weekday

LONGEST = 3
BEYOND = 1.25
"""So much farther out than the farthest tick that was learned."""
USUAL = 3.0
LEAST_HITS = 5.0
"""Hits more (or fewer) than expected that a burst of a flag needs."""

Place = tuple[int, int]
"""Series number and channel."""


@dataclass(slots=True)
class Burst:
    """Ticks of a burst, its farthest z and the bound, and events, sums and expected sums of it."""

    first: int
    last: int
    z: float
    bound: float
    n: float
    s: float
    expected: float


@dataclass(slots=True)
class Bursts:
    """State of one service: how far out each channel was while it learned, and bursts under way.

    ``w`` is the expected number of false bursts per tick of one channel.
    """

    w: float
    farthest: dict[Place, float] = field(default_factory=dict)
    _under: dict[Place, Burst] = field(default_factory=dict)

    def learn(self, place: Place, baseline: Baseline, first_tick: int, n: Floats, s: Floats) -> None:
        """Note how far out the ticks of the learning period were, of the one row of ``baseline``."""
        b, ticks = baseline, first_tick + np.arange(len(n), dtype=np.int64)
        hours, days = hour_of_day(ticks, b.tick_s), weekday(day_number(ticks, b.tick_s))
        season = b.level[0] + b.hour[0][hours] + b.week[0][days]
        m = bounded_rate(season, np.full(len(ticks), b.level[0]), b.form)
        row = np.zeros(len(ticks), dtype=np.int64)
        self.farthest[place] = float(np.abs(z_scores(b, row, m, n, s)[0]).max(initial=0.0))

    def forget(self, numbers: Collection[int]) -> None:
        """These series begin anew."""
        for known in (self.farthest, self._under):
            for place in [p for p in known if p[0] in numbers]:
                del known[place]

    def bound(self, place: Place) -> float:
        """Where a tick is out of the ordinary; nowhere for a channel that was not learned."""
        if place not in self.farthest:
            return float("inf")
        return max(_normal_bound(self.w), BEYOND * self.farthest[place])

    def close(
        self, tick: int, places: Sequence[Place], z: Floats, sums: tuple[Floats, Floats, Floats]
    ) -> list[tuple[Place, Burst]]:
        """One tick of channels with events, given z and (n, s, expected): short bursts that are over."""
        over = []
        for i in np.flatnonzero(np.abs(z) >= USUAL).tolist():
            place, here = places[i], float(z[i])
            n, s, expected = (float(side[i]) for side in sums)
            under = self._under.get(place)
            if under is not None and (under.z > 0) == (here > 0):
                under.last, under.n, under.s = tick, under.n + n, under.s + s
                under.expected += expected
                under.z = max(under.z, here, key=abs)
            elif under is None and abs(here) >= self.bound(place) and abs(s - expected) >= LEAST_HITS:
                self._under[place] = Burst(tick, tick, here, self.bound(place), n, s, expected)
        seen = set(places)
        for place, burst in sorted(self._under.items()):
            if burst.last == tick or place not in seen:
                continue
            del self._under[place]
            if tick - burst.first <= LONGEST:
                over.append((place, burst))
        return over

    def state(self) -> list[Any]:
        """Plain form for a snapshot."""
        under = [
            [*p, b.first, b.last, b.z, b.bound, b.n, b.s, b.expected] for p, b in sorted(self._under.items())
        ]
        return [[[*p, z] for p, z in sorted(self.farthest.items())], under]

    def restore(self, state: Iterable[Any]) -> None:
        """Inverse of `state`."""
        farthest, under = state
        self.farthest = {(series, channel): z for series, channel, z in farthest}
        self._under = {(series, channel): Burst(*rest) for series, channel, *rest in under}


def z_scores(b: Baseline, rows: Ints, m: Floats, n: Floats, s: Floats) -> tuple[Floats, Floats]:
    """Signed distance z and the expected sum of counts, for ``rows`` of a baseline that expect ``m``."""
    m = np.where(b.mirrored[rows], 1 - m, m)
    count = np.maximum(n, 1e-12)
    mean = s / count
    if b.form == FLAG:
        p, m = np.clip(mean, 0.0, 1.0), np.clip(m, 1e-9, 1 - 1e-9)
        ratio = n * (xlogy(p, p / m) + xlogy(1 - p, (1 - p) / (1 - m)))
    else:
        ratio = n * (mean - m) ** 2 / (2 * b.event_var[rows])
    z: Floats = np.sign(mean - m) * np.sqrt(2 * np.maximum(ratio, 0.0) / b.k0[rows])
    return np.where(n > 0, z, 0.0), n * m


def _normal_bound(w: float) -> float:
    """Value that a normal variable exceeds on either side with probability ``w``."""
    grid = np.linspace(3.0, 12.0, 901)
    return float(grid[np.searchsorted(-(log_ndtr(-grid) + np.log(2)), -np.log(w))])
