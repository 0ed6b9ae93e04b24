"""Values of a dimension against the rest, as counted and within strata. Pure.

Where a new prompt goes out on a Monday to German users first, its refusals are those of Germans and Mondays.
Each value is compared with the others of its dimension in the same stretch of time and language alone; the
differences are joined with the weights of Cochran (1954), n1 n0 / (n1 + n0), which are largest where most can
be told. A stratum without the other side tells nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dashboard.estimates.levels import Effect, Level
from dashboard.measures import intervals
from dashboard.measures.measures import Measure
from dashboard.queries.releases import Stratum
from dashboard.tables.incident_picture import MIN_OUTPUTS


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One value: its level, its difference from the rest as counted, and within strata; ``None``: few.

    ``compared`` is the share of its outputs that stand in strata with others.
    """

    value: str
    n: int
    level: Level | None
    counted: Effect | None
    within: Effect | None
    compared: float

    @property
    def verdict(self) -> str:
        """What the corrected interval allows us to say."""
        if self.within is None:
            return "nothing beside it" if self.counted is not None else "few"
        if self.within.low > 0:
            return "▲ above the rest"
        return "▼ below the rest" if self.within.high < 0 else "no clear difference"


@dataclass(slots=True)
class _Sums:
    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, stratum: Stratum) -> None:
        self.n += stratum.n
        self.total += stratum.total
        self.squares += stratum.squares

    def variance(self, *, share: bool) -> float:
        """Variance of the mean; of a share with half an output on either side: 0 of 9 is not certain."""
        if share:
            p = (self.total + 0.5) / (self.n + 1)
            return p * (1 - p) / self.n
        if self.n < 2:
            return math.inf
        mean = self.total / self.n
        return max(0.0, self.squares - self.n * mean * mean) / (self.n - 1) / self.n


def rows(measure: Measure, strata: Sequence[Stratum]) -> list[ValueRow]:
    """Every value against the rest, most outputs first; intervals of the differences hold together."""
    whole: dict[tuple[int, str], _Sums] = {}
    by_value: dict[str, dict[tuple[int, str], _Sums]] = {}
    for s in strata:
        place = (s.stratum, s.language)
        whole.setdefault(place, _Sums()).add(s)
        by_value.setdefault(s.value, {}).setdefault(place, _Sums()).add(s)
    confidence = intervals.together(len(by_value))
    found = [_row(measure, value, mine, whole, confidence) for value, mine in by_value.items()]
    return sorted(found, key=lambda r: (-r.n, r.value))


def _row(
    measure: Measure,
    value: str,
    mine: dict[tuple[int, str], _Sums],
    whole: dict[tuple[int, str], _Sums],
    confidence: float,
) -> ValueRow:
    n = sum(s.n for s in mine.values())
    rest_n = sum(s.n for s in whole.values()) - n
    share = measure.is_share
    z = intervals.normal_quantile(confidence)
    if n < MIN_OUTPUTS:
        return ValueRow(value, n, None, None, None, 0.0)
    own = _joined(mine.values())
    mean = own.total / n
    half = intervals.normal_quantile(intervals.CONFIDENCE) * math.sqrt(own.variance(share=share))
    level = Level(mean, *intervals.wilson(own.total, n)) if share else Level(mean, mean - half, mean + half)
    if rest_n < MIN_OUTPUTS:
        return ValueRow(value, n, level, None, None, 0.0)
    rest = _joined(whole.values())
    rest = _Sums(rest.n - own.n, rest.total - own.total, rest.squares - own.squares)
    counted = _effect(
        measure,
        mean - rest.total / rest.n,
        z * math.sqrt(own.variance(share=share) + rest.variance(share=share)),
    )
    weights = gap = variance = 0.0
    beside = 0
    for place, a in mine.items():
        every = whole[place]
        b = _Sums(every.n - a.n, every.total - a.total, every.squares - a.squares)
        if not b.n or not a.n or (not share and min(a.n, b.n) < 2):
            continue
        weight = a.n * b.n / (a.n + b.n)
        weights += weight
        gap += weight * (a.total / a.n - b.total / b.n)
        variance += weight * weight * (a.variance(share=share) + b.variance(share=share))
        beside += a.n
    within = None
    if weights and beside >= MIN_OUTPUTS:
        within = _effect(measure, gap / weights, z * math.sqrt(variance) / weights)
    return ValueRow(value, n, level, counted, within, beside / n)


def _joined(parts: Iterable[_Sums]) -> _Sums:
    out = _Sums()
    for part in parts:
        out.n += part.n
        out.total += part.total
        out.squares += part.squares
    return out


def _effect(measure: Measure, gap: float, half: float) -> Effect:
    scale = 100.0 if measure.is_share else 1.0
    unit = "percentage points" if measure.is_share else measure.score.unit or "units of the score"
    return Effect(scale * gap, scale * (gap - half), scale * (gap + half), unit)
