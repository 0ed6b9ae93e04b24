"""Hits per week, for each risk score and for each value of a dimension.

``expected`` is what the frozen baselines of the services would have given with this week's mix of outputs:
a service that grows does not look like a risk that rises. Weeks begin on Monday, UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from dashboard.formats import utc
from dashboard.queries.days_and_cells import OF_A_DIMENSION, Weeks, bounds, days_and_cells
from dashboard.queries.store import Row, Scope, Store

_BY_SCORE = """
SELECT c.unit, c.score, c.week, sum(c.n), sum(c.hits), sumIf(c.n * s.level, s.known), sumIf(c.n, s.known)
FROM
(
    SELECT
        service, environment, unit, score, generation, week, sum(n) AS n, sum(hit) AS hits
    FROM
    (
        $rows
    )
    GROUP BY service, environment, unit, score, generation, week
) AS c
LEFT JOIN
(
    SELECT
        service, environment, unit, score, generation, ifNull(baseline_value, 0) AS level,
        isNotNull(baseline_value) AND kind = 'flag' AS known
    FROM series FINAL
    WHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND score IN {scores:Array(String)} AND slice = {slice:String}
) AS s USING (service, environment, unit, score, generation)
GROUP BY c.unit, c.score, c.week
ORDER BY c.unit, c.score, c.week
LIMIT 2000
""".replace(
    "$rows",
    days_and_cells(
        "service, environment, unit, score, generation, toMonday($day) AS week, n, $hit AS hit",
        "score IN {scores:Array(String)} AND slice = {slice:String}",
    ),
)

FLAGS = "total"
FROM_A_CELL = """
            if(
                transform(score, {scores:Array(String)}, {at_least:Array(Int32)}, -1) < 0, total,
                toFloat64(arraySum(arrayMap(
                    (k, c) -> if(k >= transform(score, {scores:Array(String)}, {at_least:Array(Int32)}, -1),
                        c, 0),
                    cell, arrayResize(count, length(cell))
                )))
            )
"""
"""Hits of scores in 0..1: it reads the counted cells of every row, flags have their hits beside them."""

_BY_VALUE = """
SELECT c.slice, c.week, sum(c.n) AS n, sum(c.hits), sumIf(c.n * s.level, s.known), sumIf(c.n, s.known)
FROM
(
    SELECT service, environment, unit, score, generation, slice, week, sum(n) AS n, sum(total) AS hits
    FROM
    (
        $rows
    )
    GROUP BY service, environment, unit, score, generation, slice, week
) AS c
LEFT JOIN
(
    SELECT
        service, environment, unit, score, generation, slice, ifNull(baseline_value, 0) AS level,
        isNotNull(baseline_value) AND kind = 'flag' AS known
    FROM series FINAL
    WHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND unit = {unit:String} AND score = {score:String}
) AS s USING (service, environment, unit, score, generation, slice)
GROUP BY c.slice, c.week
ORDER BY c.slice, c.week
LIMIT 3000
""".replace(
    "$rows",
    days_and_cells(
        "service, environment, unit, score, generation, slice, toMonday($day) AS week, n, total",
        f"unit = {{unit:String}} AND score = {{score:String}} AND {OF_A_DIMENSION}",
    ),
)


@dataclass(frozen=True, slots=True)
class WeekCount:
    """Hits among ``n`` outputs. ``expected`` is the baseline's share (0..1), ``None`` without one."""

    week: datetime
    n: int
    hits: float
    expected: float | None


@dataclass(frozen=True, slots=True)
class ScoreWeek:
    """One score in one week."""

    unit: str
    score: str
    count: WeekCount


@dataclass(frozen=True, slots=True)
class ValueWeek:
    """One value of a dimension in one week."""

    value: str
    count: WeekCount


def _week(week: datetime, n: int, hits: float, level: float, n_known: int) -> WeekCount:
    # a baseline that covers less than half of the outputs says little about the rest
    expected = float(level) / n_known if n_known and n_known >= n / 2 else None
    return WeekCount(week, int(n), float(hits), expected)


def by_score(
    store: Store, scope: Scope, weeks: Weeks, at_least: tuple[tuple[str, int], ...], slice_: str = "all"
) -> tuple[ScoreWeek, ...]:
    """Weekly hits of the named scores; beside each the grid cell from which a value counts, -1 for flags."""
    rows: list[Row] = []
    for part in apart(at_least):
        sql = _BY_SCORE.replace("$hit", hits_of(part))
        given = scope.bind(service=weeks.service, slice=slice_, **counted(part), **bounds(weeks, scope))
        rows += store.rows(sql, given)
    return tuple(ScoreWeek(unit, score, _week(_monday(week), *rest)) for unit, score, week, *rest in rows)


def by_value(
    store: Store, scope: Scope, weeks: Weeks, *, unit: str, score: str, dimension: str
) -> tuple[ValueWeek, ...]:
    """Weekly hits of one flag score for every value of ``dimension``."""
    rows = store.rows(
        _BY_VALUE,
        scope.bind(
            service=weeks.service,
            unit=unit,
            score=score,
            dimension=dimension,
            **bounds(weeks, scope),
        ),
    )
    return tuple(
        ValueWeek(unquote(name.partition("=")[2]), _week(_monday(week), *rest)) for name, week, *rest in rows
    )


def apart(at_least: tuple[tuple[str, int], ...]) -> Iterator[tuple[tuple[str, int], ...]]:
    """Flags, then the others: to ask for them apart reads the cells of the others alone."""
    flags = tuple(pair for pair in at_least if pair[1] < 0)
    others = tuple(pair for pair in at_least if pair[1] >= 0)
    return (part for part in (flags, others) if part)


def hits_of(at_least: tuple[tuple[str, int], ...]) -> str:
    """What a row of cells or days holds of hits; cells are read only where a score needs them."""
    return FLAGS if all(cell < 0 for _, cell in at_least) else FROM_A_CELL


def counted(at_least: tuple[tuple[str, int], ...]) -> dict[str, list[Any]]:
    """Parameters that name the scores, and beside each the grid cell from which a value counts."""
    return {"scores": [score for score, _ in at_least], "at_least": [cell for _, cell in at_least]}


def _monday(day: object) -> datetime:
    return utc(datetime.fromisoformat(str(day)))
