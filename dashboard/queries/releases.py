"""A score by release, model and prompt, within strata of time and language; and recorded changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from dashboard.formats import utc
from dashboard.measures.measures import ABOVE, CATEGORY, FLAG, Measure
from dashboard.queries.narrowed import value_of
from dashboard.queries.store import Scope, SeriesKey, Store
from detectors.schema import DIMENSION_COLUMNS, slice_condition

DIMENSIONS = ("release", "response_model", "prompt_version", "system_prompt")
"""What a deployment can change."""

_STRATA = """
SELECT value, stratum, language, count(), sum(x), sum(x * x)
FROM
(
    SELECT
        substringUTF8(ifNull(toString($column), ''), 1, 64) AS value,
        toUInt32(intDiv(toUnixTimestamp(start), {width:UInt32})) AS stratum,
        substringUTF8(ifNull(toString(interactions.language), ''), 1, 16) AS language,
        toFloat64($x) AS x
    FROM interactions FINAL
    WHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND service = {service:String} AND environment = {environment:String}
        AND start >= toDateTime({from:UInt32}, 'UTC') AND start < toDateTime({to:UInt32}, 'UTC')
        AND NOT synthetic AND observed AND isNotNull($value) AND $where
)
WHERE value != ''
GROUP BY value, stratum, language
ORDER BY count() DESC
LIMIT 5000
"""

_FIRST = """
SELECT slice, min(tick)
FROM cells FINAL
PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND service = {service:String} AND environment = {environment:String}
    AND unit = {unit:String} AND score = {score:String} AND position(slice, ',') = 0
    AND tick >= toDateTime({from:UInt32}, 'UTC') AND tick < toDateTime({to:UInt32}, 'UTC')
WHERE splitByChar('=', toString(slice))[1] IN {dimensions:Array(String)}
GROUP BY slice
ORDER BY min(tick) DESC
LIMIT 500
"""

_RECORDED = """
SELECT DISTINCT
    JSONExtractString(suspect, 'kind') AS what, JSONExtractString(suspect, 'value') AS value,
    JSONExtractString(suspect, 'since') AS since
FROM
(
    SELECT arrayJoin(JSONExtractArrayRaw(body, 'suspects')) AS suspect
    FROM incidents FINAL
    WHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND service = {service:String} AND environment = {environment:String}
        AND updated_at >= toDateTime({from:UInt32}, 'UTC')
)
ORDER BY since DESC, what, value
LIMIT 200
"""


_MARKED = """
SELECT kind, value, since
FROM changes FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND service IN ('', {service:String}) AND environment IN ('*', {environment:String})
    AND since >= toDateTime64({from:UInt32}, 6, 'UTC') AND since < toDateTime64({to:UInt32}, 6, 'UTC')
ORDER BY since DESC, kind, value
LIMIT 200
"""


@dataclass(frozen=True, slots=True)
class Marked:
    """A change that somebody recorded: what it is of (``release``, ``index`` ...), its name, and when."""

    kind: str
    value: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Stratum:
    """Outputs with one value of a dimension in one stretch of time and language: how many, and their sums."""

    value: str
    stratum: int
    language: str
    n: int
    total: float
    squares: float


def strata(
    store: Store,
    scope: Scope,
    key: SeriesKey,
    measure: Measure,
    dimension: str,
    width_s: int,
    from_s: int,
    to_s: int,
) -> tuple[Stratum, ...]:
    """A score by value of a dimension, in strata of ``width_s`` seconds and language.

    Shares count hits; of a number its values are summed. At most 5,000 strata, the largest ones.

    Raises
    ------
    ValueError
        If the dimension is none that a deployment changes.
    """
    if dimension not in DIMENSIONS:
        raise ValueError(f"dimension {dimension!r} is none of {', '.join(DIMENSIONS)}")
    value = value_of(key.score)
    x = value
    if measure.what == FLAG:
        x = f"{value} >= 0.5"
    elif measure.what == ABOVE:
        x = f"{value} > {{bound:Float64}}"
    elif measure.what == CATEGORY:
        x = f"{value} = {{name:String}}"
    sql = _STRATA.replace("$column", DIMENSION_COLUMNS[dimension]).replace("$x", x).replace("$value", value)
    where, given = slice_condition(key.slice)
    sql = sql.replace("$where", where)
    bound = scope.bind(
        **key.bind(),
        **given,
        width=width_s,
        bound=float(measure.name) if measure.what == ABOVE else 0.0,
        name=measure.name,
    )
    rows = store.rows(sql, {**bound, "from": from_s, "to": to_s})
    return tuple(
        Stratum(str(name), int(at), str(language), int(n), float(total), float(squares))
        for name, at, language, n, total, squares in rows
    )


def first_seen(
    store: Store, scope: Scope, key: SeriesKey, from_s: int, to_s: int
) -> dict[tuple[str, str], datetime]:
    """When each value of these dimensions was first counted in ``[from_s, to_s)``."""
    bound = scope.bind(**key.bind(), dimensions=list(DIMENSIONS))
    rows = store.rows(_FIRST, {**bound, "from": from_s, "to": to_s})
    pairs = ((str(name).partition("="), at) for name, at in rows)
    return {(dimension, unquote(value)): utc(at) for (dimension, _, value), at in pairs}


def recorded(store: Store, scope: Scope, key: SeriesKey, from_s: int) -> tuple[tuple[str, str, str], ...]:
    """Kind, value and time (RFC 3339) of changes that incidents of the service name as suspects."""
    rows = store.rows(_RECORDED, {**scope.bind(**key.bind()), "from": from_s})
    return tuple((str(kind), str(value), str(since)) for kind, value, since in rows)


def marked(store: Store, scope: Scope, key: SeriesKey, from_s: int, to_s: int) -> tuple[Marked, ...]:
    """Changes recorded in ``[from_s, to_s)`` of the service or of all of them, the latest first."""
    rows = store.rows(_MARKED, {**scope.bind(**key.bind()), "from": from_s, "to": to_s})
    return tuple(Marked(str(kind), str(value), utc(since)) for kind, value, since in rows)
