"""Whether a crossing of a pooled series is a shift that services share, and which ones it hit or spared.

Since the onset each service has an observed sum, the one its own level and the common season expect, and a
variance (with the pooled dispersion). The shift is *shared* when what is left without the service that adds
most still shows it; it is one service's *own* when the others surely have less than half of it; else it is
too early to say. A service is hit when its own change shows, and spared when it surely is less than half of
the common one: with so few events that neither holds, it is named neither way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from detectors.counts.history import Rows
from detectors.engine.baseline import FLAG, Baseline
from detectors.engine.ticks import Floats, Ints
from detectors.fleet.fleet_pool import Pool

SHARED_SD = 3.0
"""Standard deviations that the others' shift must show."""
HIT_SD = 2.0
CLEAR_SD = 1.645
"""95 % on the side that counts."""
HALF = 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """One member since the onset: excess over what was expected in the direction of the shift."""

    number: int
    excess: float
    expected: float
    variance: float

    @property
    def sds(self) -> float:
        """Excess in standard deviations."""
        return self.excess / math.sqrt(max(self.variance, 1e-12))


@dataclass(frozen=True, slots=True)
class Shift:
    """How members took part: ``verdict`` is ``shared``, ``own`` or ``unclear``; ``hit`` by size of excess."""

    verdict: str
    leader: int
    hit: tuple[int, ...]
    spared: tuple[int, ...]


def shift(
    pool: Pool, baseline: Baseline, rows: Mapping[int, Rows], onset: int, tick: int, kappa: float
) -> Shift:
    """Judge the members of ``pool`` from their ``rows`` of ticks ``onset`` to ``tick``.

    ``baseline`` is the pooled channel's one row, ``kappa`` the dispersion of as many ticks.
    """
    season = _season(baseline, np.arange(onset, tick + 1, dtype=np.int64))
    parts = [
        _part(pool, n, rows[n], season, float(baseline.event_var[0]) * kappa, onset, tick)
        for n in pool.members
        if n in rows
    ]
    total = _sum(parts)
    direction = 1.0 if total.excess >= 0 else -1.0
    parts = [Part(p.number, p.excess * direction, p.expected, p.variance) for p in parts]
    total = _sum(parts)
    size = total.excess / max(total.expected, 1e-12)
    leader = max(parts, key=lambda p: p.excess)
    rest = _sum([p for p in parts if p is not leader])
    hit = sorted((p for p in parts if p.sds >= HIT_SD), key=lambda p: -p.excess)
    verdict = "unclear"
    if rest.sds >= SHARED_SD and len(hit) > 1:
        verdict = "shared"
    elif _spared(rest, size):
        verdict = "own"
    spared = tuple(p.number for p in parts if p.sds < HIT_SD and _spared(p, size))
    return Shift(verdict, leader.number, tuple(p.number for p in hit), spared)


def _part(
    pool: Pool, number: int, rows: Rows, season: Floats, event_var: float, onset: int, tick: int
) -> Part:
    n, s = pool.sums(number, rows, onset, tick)
    expected = float((n * season).sum())
    if pool.form == FLAG:
        return Part(
            number, float(s.sum()) - expected, expected, event_var * float((n * season * (1 - season)).sum())
        )
    return Part(number, float(s.sum()) - expected, float(n.sum()), event_var * float(n.sum()))


def _sum(parts: list[Part]) -> Part:
    return Part(
        -1,
        sum(p.excess for p in parts),
        sum(p.expected for p in parts),
        sum(p.variance for p in parts),
    )


def _spared(part: Part, size: float) -> bool:
    """Whether the excess is surely less than half of what a part of ``size`` would have."""
    return part.excess + CLEAR_SD * math.sqrt(part.variance) < HALF * size * part.expected


def _season(b: Baseline, ticks: Ints) -> Floats:
    """Expected value per event of the pooled channel, in its own direction."""
    rates = np.array([float(b.expected(int(t))[0]) for t in ticks])
    return 1 - rates if b.mirrored[0] else rates
