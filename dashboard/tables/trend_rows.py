"""Weeks and categories as the trends page shows them: cells, verdicts, sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from dashboard import formats
from dashboard.charts.risk import PER, Cell
from dashboard.charts.small import Week
from dashboard.estimates.taxonomy import Category
from dashboard.measures import intervals
from dashboard.queries.days_and_cells import Weeks
from dashboard.queries.trends import ScoreWeek, ValueWeek, WeekCount

FEW = 500
"""Outputs below which a cell holds the word "few" and no number."""
FEW_IN_PANEL = 100
"""Outputs below which a value has no point in its panel."""
PANELS = 6


@dataclass(frozen=True, slots=True)
class CategoryWeeks:
    """One category over the weeks, oldest first."""

    category: Category
    cells: tuple[Cell, ...]

    @property
    def latest(self) -> Cell:
        """The newest week."""
        return self.cells[-1]

    @property
    def n(self) -> int:
        """Outputs over all weeks."""
        return sum(cell.n for cell in self.cells)


def monday(at: datetime) -> datetime:
    """Start of the week of ``at``."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def span(now: datetime, n_weeks: int, service: str = "") -> Weeks:
    """The last ``n_weeks`` weeks with the running one."""
    first = monday(now) - timedelta(weeks=n_weeks - 1)
    return Weeks(int(first.timestamp()), int(now.timestamp()) + 1, service)


def table(categories: Sequence[Category], counts: Sequence[ScoreWeek]) -> list[CategoryWeeks]:
    """Categories that were measured at all, in the taxonomy's order; intervals hold over all their cells."""
    by_score: dict[str, dict[datetime, WeekCount]] = {}
    for item in counts:
        by_score.setdefault(item.score, {})[item.count.week] = item.count
    weeks = sorted({item.count.week for item in counts})
    measured = [c for c in categories if any(score in by_score for score in c.scores)]
    found = {
        (c.id, week): _sum([by_score[s][week] for s in c.scores if week in by_score.get(s, {})], week)
        for c in measured
        for week in weeks
    }
    known = sum(count.n >= FEW for count in found.values())
    confidence = intervals.together(known)
    return [
        CategoryWeeks(c, tuple(_cell(c.title, found[c.id, week], confidence) for week in weeks))
        for c in measured
    ]


def joined(counts: Sequence[tuple[int, float]]) -> tuple[int, float]:
    """Several scores of one category: their hits over the outputs of the most frequent one."""
    n = max((n for n, _ in counts), default=0)
    return n, min(float(n), sum(hits for _, hits in counts))


def _sum(counts: Sequence[WeekCount], week: datetime) -> WeekCount:
    if not counts:
        return WeekCount(week, 0, 0.0, None)
    n, hits = joined([(count.n, count.hits) for count in counts])
    expected = [count.expected for count in counts]
    known = None if None in expected else sum(e for e in expected if e is not None)
    return WeekCount(week, n, hits, known)


def _cell(title: str, count: WeekCount, confidence: float) -> Cell:
    rate = count.hits / count.n if count.n else 0.0
    interval = intervals.wilson(count.hits, count.n, confidence)
    return Cell(title, count.week, rate, interval, count.expected, count.n, few=count.n < FEW)


def weeks_of(category: CategoryWeeks) -> list[Week]:
    """A category's weeks with a number, for a sparkline."""
    return [Week(c.week, c.rate, c.interval, c.baseline, c.n) for c in category.cells if not c.few]


def panels(values: Sequence[ValueWeek]) -> list[tuple[str, list[Week]]]:
    """The most frequent values of a dimension, each with its weeks; intervals hold over the latest weeks."""
    by_value: dict[str, list[WeekCount]] = {}
    for item in values:
        if item.count.n >= FEW_IN_PANEL:
            by_value.setdefault(item.value, []).append(item.count)
    names = sorted(by_value, key=lambda name: (-sum(c.n for c in by_value[name]), name))[:PANELS]
    confidence = intervals.together(len(names))
    return [
        (
            name,
            [
                Week(c.week, c.hits / c.n, intervals.wilson(c.hits, c.n, confidence), c.expected, c.n)
                for c in by_value[name]
            ],
        )
        for name in names
    ]


def languages(values: Sequence[ValueWeek]) -> list[str]:
    """The most frequent values, for a choice."""
    counted: dict[str, int] = {}
    for item in values:
        counted[item.value] = counted.get(item.value, 0) + item.count.n
    return sorted(counted, key=lambda name: (-counted[name], name))[:8]


def encoded(value: str) -> str:
    """A value as it stands in the text form of a slice."""
    return value.replace("%", "%25").replace(",", "%2C").replace("=", "%3D")


def verdict(interval: intervals.Interval, baseline: float | None) -> str:
    """What the interval allows us to say, in words."""
    if baseline is None:
        return "no baseline yet"
    if interval.low > baseline:
        return "▲ above"
    return "▼ below" if interval.high < baseline else "no clear change"


class Sentence(NamedTuple):
    """A sentence with the words to stress; both are ours or cleaned."""

    stressed: str
    rest: str


def sentences(
    rows: Sequence[CategoryWeeks], categories: Sequence[Category], *, partial: bool
) -> list[Sentence]:
    """The latest week in at most six sentences: what rose or fell, what cannot be told, what is covered."""
    moved = [r for r in rows if r.latest.clear and r.latest.baseline is not None]
    moved.sort(key=lambda r: -abs(r.latest.shade))
    out = []
    for row in moved[:3]:
        cell, base = row.latest, row.latest.baseline or 0.0
        went = "rose" if cell.rate > base else "fell"
        streak = _streak(row)
        lasting = f" for the {_ordinal(streak)} week" if streak > 1 else ""
        out.append(
            Sentence(
                f"{row.category.title} {went}",
                f"{lasting}: {formats.number(PER * cell.rate, 1)} per 10,000 outputs "
                f"({formats.number(PER * cell.interval.low, 1)} to "
                f"{formats.number(PER * cell.interval.high, 1)}), baseline "
                f"{formats.number(PER * base, 1)}.",
            )
        )
    if not moved:
        out.append(Sentence("No category left its baseline", " by more than its interval."))
    out.append(
        Sentence("", "A category with no clear change may still have changed by less than its interval.")
    )
    covered = {r.category.id for r in rows}
    missing = [c.title.lower() for c in categories if c.id not in covered]
    outputs = max((r.latest.n for r in rows), default=0)
    cover = f"Counted: {formats.count(outputs)} outputs{', and the week is not over' if partial else ''}."
    if missing:
        cover += f" Not measured yet: {', '.join(missing)}."
    out.append(Sentence("", cover))
    return out


def _streak(row: CategoryWeeks) -> int:
    """Weeks in a row, up to the latest, that were off baseline on the same side."""
    up = row.latest.rate > (row.latest.baseline or 0.0)
    n = 0
    for cell in reversed(row.cells):
        if not cell.clear or (cell.rate > (cell.baseline or 0.0)) != up:
            break
        n += 1
    return n


def _ordinal(n: int) -> str:
    words = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
    return words[n] if n < len(words) else f"{n}th"
