"""Risk by group against the rest of the same traffic: where one group fares differently. Pure.

The rest of a group is every other group of the same score in the same weeks. Differences have Newcombe's
interval. Those of one table hold together: Šidák's bound needs no independence where intervals are two-sided
and their errors jointly normal (Šidák 1967), which matters here, since each group is part of every other's
rest. What breaks first is that outputs count as independent draws: one heavy conversation is many outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard import strings
from dashboard.estimates.taxonomy import Category
from dashboard.measures import intervals
from dashboard.measures.intervals import Interval
from dashboard.queries.disparity import GroupCount
from dashboard.tables.trend_rows import joined
from dashboard.wording import trends as words

FEW = 500
"""Outputs on either side below which a difference is not judged."""
MOST_GROUPS = 12
"""Groups that are compared, those with the most outputs; the others stay in everybody's rest."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One category in one group and in the rest; ``interval`` is the difference's, ``None``: too few."""

    category: Category
    group: str
    n: int
    hits: float
    n_rest: int
    hits_rest: float
    interval: Interval | None

    @property
    def rate(self) -> float | None:
        """Share of hits in the group, 0..1."""
        return None if self.interval is None else self.hits / self.n

    @property
    def other_share(self) -> float | None:
        """Share of hits in the rest, 0..1."""
        return None if self.interval is None else self.hits_rest / self.n_rest

    @property
    def difference(self) -> float | None:
        """The group's share less that of the rest."""
        return None if self.interval is None else self.hits / self.n - self.hits_rest / self.n_rest

    @property
    def clear(self) -> bool:
        """Whether the interval excludes that there is no difference."""
        return self.interval is not None and self.interval.excludes(0.0)

    @property
    def verdict(self) -> str:
        """What the interval allows us to say, in words."""
        if self.interval is None:
            return strings.FEW
        if not self.clear:
            return words.GAP_NONE
        return words.GAP_ABOVE if self.interval.low > 0 else words.GAP_BELOW


@dataclass(frozen=True, slots=True)
class Disparity:
    """A table of gaps, by group and category; ``judged`` of them have an interval.

    Each holds with ``confidence``, so that all do with 95 %. ``left_out`` groups had fewer outputs.
    """

    gaps: tuple[Gap, ...]
    judged: int
    confidence: float
    left_out: int

    @property
    def clear(self) -> tuple[Gap, ...]:
        """Where a group differs, the surest first."""
        return tuple(sorted((gap for gap in self.gaps if gap.clear), key=_doubt))


def table(categories: Sequence[Category], counts: Sequence[GroupCount]) -> Disparity:
    """Every measured category in every group against the rest; with fewer than two groups there is none."""
    by_place: dict[tuple[str, str], list[GroupCount]] = {}
    most: dict[str, int] = {}
    for count in counts:
        by_place.setdefault((count.score, count.group), []).append(count)
        most[count.group] = max(most.get(count.group, 0), count.n)
    groups = sorted(most, key=lambda name: (-most[name], name))
    found = []
    for category in categories:
        for group in groups[:MOST_GROUPS]:
            own = [c for score in category.scores for c in by_place.get((score, group), ())]
            if not own:
                continue
            n, hits = joined([(c.n, c.hits) for c in own])
            n_all, hits_all = joined([(c.n_all, c.hits_all) for c in own])
            if n < n_all:  # a group alone has nothing to be compared with
                found.append((category, group, n, hits, n_all - n, max(0.0, hits_all - hits)))
    judged = sum(min(n, n_rest) >= FEW for _, _, n, _, n_rest, _ in found)
    confidence = intervals.together(judged)
    gaps = tuple(
        Gap(
            category,
            group,
            n,
            hits,
            n_rest,
            hits_rest,
            intervals.difference(hits_rest, n_rest, hits, n, confidence) if min(n, n_rest) >= FEW else None,
        )
        for category, group, n, hits, n_rest, hits_rest in found
    )
    return Disparity(gaps, judged, confidence, max(0, len(groups) - MOST_GROUPS))


def in_order(found: Disparity) -> list[Gap]:
    """Clear differences first, then all others in the taxonomy's order, groups with few outputs last."""
    rest = [gap for gap in found.gaps if not gap.clear]
    return [*found.clear, *sorted(rest, key=lambda gap: gap.interval is None)]


def _doubt(gap: Gap) -> float:
    """How near to no difference the interval comes, as a part of the difference: 0 is surest."""
    if gap.interval is None or not gap.difference:
        return 1.0
    near = gap.interval.low if gap.difference > 0 else gap.interval.high
    return 1.0 - near / gap.difference


def figures(gap: Gap) -> dict[str, float | bool | None]:
    """The numbers of a gap, for files to take away."""
    return {
        "n": gap.n,
        "n_rest": gap.n_rest,
        "rate": gap.rate,
        "rate_rest": gap.other_share,
        "difference": gap.difference,
        "low": None if gap.interval is None else gap.interval.low,
        "high": None if gap.interval is None else gap.interval.high,
        "clear": gap.clear,
    }
