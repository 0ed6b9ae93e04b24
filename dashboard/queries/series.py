"""The counted cells of a series: over time, by slice, and over its values.

Cells are cumulative per (series, tick, part), parts being what came on time and what came late, so a sum
over them is exact. Where a score had several generations
the newest one of each bucket is taken: values of two are not comparable. Conditions stand in ``PREWHERE``,
which ``FINAL`` does not do by itself: they are on the sort key, equal in every version of a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.queries.statement import Statement
from dashboard.queries.store import Scope, SeriesKey, Store

MAX_BUCKETS = 400

_TICKS = """
SELECT
    bucket, sum(n), sum(total),
    sumMap(cell, arrayResize(count, length(cell))) AS cells,
    sumMap(category, arrayResize(count, length(category))) AS names
FROM
(
    SELECT
        toUInt32(intDiv(toUnixTimestamp(tick), {bucket:UInt32}) * {bucket:UInt32}) AS bucket, generation,
        n, total, count, if({values:Bool}, cell, []) AS cell, if({values:Bool}, category, []) AS category
    FROM cells FINAL
    PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND service = {service:String} AND environment = {environment:String}
        AND unit = {unit:String} AND score = {score:String} AND slice = {slice:String}
        AND tick >= toDateTime({from:UInt32}, 'UTC') AND tick < toDateTime({to:UInt32}, 'UTC')
)
GROUP BY bucket, generation
ORDER BY bucket, generation DESC
LIMIT 1 BY bucket
LIMIT 400
"""

_VOLUME = """
SELECT toUInt32(intDiv(at, {bucket:UInt32}) * {bucket:UInt32}) AS bucket, sum(most)
FROM
(
    SELECT at, max(n) AS most
    FROM
    (
        SELECT toUnixTimestamp(tick) AS at, sum(n) AS n
        FROM cells FINAL
        PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
            AND service = {service:String} AND environment = {environment:String}
            AND unit = 'interaction' AND score IN {scores:Array(String)} AND slice = 'all'
            AND tick >= toDateTime({from:UInt32}, 'UTC') AND tick < toDateTime({to:UInt32}, 'UTC')
        GROUP BY tick, score, generation
    )
    GROUP BY at
)
GROUP BY bucket
ORDER BY bucket
LIMIT 400
"""

_SLICES = """
SELECT
    slice,
    sumIf(n, tick < toDateTime({before:UInt32}, 'UTC')) AS n_before,
    sumIf(total, tick < toDateTime({before:UInt32}, 'UTC')) AS total_before,
    sumIf(n, tick >= toDateTime({after:UInt32}, 'UTC')) AS n_after,
    sumIf(total, tick >= toDateTime({after:UInt32}, 'UTC')) AS total_after,
    sumMapIf(cell, numbers, tick < toDateTime({before:UInt32}, 'UTC')) AS cells_before,
    sumMapIf(cell, numbers, tick >= toDateTime({after:UInt32}, 'UTC')) AS cells_after,
    sumMapIf(category, names, tick < toDateTime({before:UInt32}, 'UTC')) AS names_before,
    sumMapIf(category, names, tick >= toDateTime({after:UInt32}, 'UTC')) AS names_after
FROM
(
    SELECT
        slice, generation, tick, n, total, category, if({values:Bool}, cell, []) AS cell,
        arrayResize(count, length(cell)) AS numbers, arrayResize(count, length(category)) AS names
    FROM cells FINAL
    PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND service = {service:String} AND environment = {environment:String}
        AND unit = {unit:String} AND score = {score:String}
        AND tick >= toDateTime({from:UInt32}, 'UTC') AND tick < toDateTime({to:UInt32}, 'UTC')
        AND (tick < toDateTime({before:UInt32}, 'UTC') OR tick >= toDateTime({after:UInt32}, 'UTC'))
)
GROUP BY slice, generation
HAVING n_after > 0
ORDER BY slice = 'all' DESC, generation DESC, n_after DESC
LIMIT 1 BY slice
LIMIT 60
"""

Counts = tuple[tuple[int, int], ...]
"""(cell number on the score's grid, how many), by cell."""
Names = tuple[tuple[str, int], ...]
"""(category, how many), most first."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Sums of one bucket of time. ``cells`` and ``names`` are empty where only totals were asked for."""

    at: datetime
    n: int
    total: float
    cells: Counts = ()
    names: Names = ()


@dataclass(frozen=True, slots=True)
class Half:
    """One side of a comparison."""

    n: int
    total: float
    cells: Counts
    names: Names


@dataclass(frozen=True, slots=True)
class SliceCounts:
    """A slice before and after."""

    slice: str
    before: Half
    after: Half


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in seconds since 1970, read in buckets of ``bucket_s``."""

    from_s: int
    to_s: int
    bucket_s: int

    def __post_init__(self) -> None:
        if not 0 < (self.to_s - self.from_s) / self.bucket_s <= MAX_BUCKETS:
            raise ValueError(f"{self}: 1 to {MAX_BUCKETS} buckets fit")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Before: ``[from_s, before_s)``; after: ``[after_s, to_s)``; seconds since 1970."""

    from_s: int
    before_s: int
    after_s: int
    to_s: int


def _counts(pair: tuple[list[int], list[int]]) -> Counts:
    return tuple(sorted((int(cell), int(n)) for cell, n in zip(*pair, strict=True)))


def _names(pair: tuple[list[str], list[int]]) -> Names:
    return tuple(sorted(((name, int(n)) for name, n in zip(*pair, strict=True)), key=lambda p: (-p[1], p[0])))


def ticks_statement(scope: Scope, key: SeriesKey, window: Window, *, values: bool) -> Statement:
    """What `ticks` asks."""
    return Statement(
        _TICKS,
        scope.bind(
            **key.bind(),
            slice=key.slice,
            bucket=window.bucket_s,
            values=values,
            **{"from": window.from_s, "to": window.to_s},
        ),
    )


def ticks(
    store: Store,
    scope: Scope,
    key: SeriesKey,
    window: Window,
    *,
    values: bool,
) -> tuple[Bucket, ...]:
    """The series over time; ``values`` asks for the counted cells as well as the totals."""
    asked = ticks_statement(scope, key, window, values=values)
    rows = store.rows(asked.sql, asked.parameters)
    return tuple(
        Bucket(datetime.fromtimestamp(at, UTC), n, total, _counts(cells), _names(names))
        for at, n, total, cells, names in rows
    )


def volume(
    store: Store,
    scope: Scope,
    key: SeriesKey,
    window: Window,
    scores: tuple[str, ...],
) -> tuple[Bucket, ...]:
    """Interactions of a service over time, counted on the most frequent of ``scores``."""
    rows = store.rows(
        _VOLUME,
        scope.bind(
            service=key.service,
            environment=key.environment,
            scores=list(scores),
            bucket=window.bucket_s,
            **{"from": window.from_s, "to": window.to_s},
        ),
    )
    return tuple(Bucket(datetime.fromtimestamp(at, UTC), n, float(n)) for at, n in rows)


def slices(
    store: Store,
    scope: Scope,
    key: SeriesKey,
    compare: Comparison,
    *,
    values: bool,
) -> tuple[SliceCounts, ...]:
    """Every slice of the score that had outputs after the change, before and after; ``all`` comes first."""
    rows = store.rows(
        _SLICES,
        scope.bind(
            **key.bind(),
            before=compare.before_s,
            after=compare.after_s,
            values=values,
            **{"from": compare.from_s, "to": compare.to_s},
        ),
    )
    return tuple(
        SliceCounts(
            name,
            Half(n0, total0, _counts(cells0), _names(names0)),
            Half(n1, total1, _counts(cells1), _names(names1)),
        )
        for name, n0, total0, n1, total1, cells0, cells1, names0, names1 in rows
    )
