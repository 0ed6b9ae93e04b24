"""Hits of risk scores by group, each beside all groups together: by value of a dimension, by service.

Read where `dashboard.queries.trends` reads. An output has one value of a dimension and one service, so groups
do not overlap, and what no group holds (an output whose language nobody knows) is in no sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from dashboard.queries.days_and_cells import OF_A_DIMENSION, Weeks, bounds, days_and_cells
from dashboard.queries.store import Scope, Store
from dashboard.queries.trends import apart, counted, hits_of

_BY_GROUP = """
SELECT
    unit, score, member, n, hits,
    sum(n) OVER (PARTITION BY unit, score) AS n_all, sum(hits) OVER (PARTITION BY unit, score) AS hits_all,
    max(n) OVER (PARTITION BY member) AS most
FROM
(
    SELECT unit, score, $member AS member, sum(n) AS n, sum(hit) AS hits
    FROM
    (
        $rows
    )
    GROUP BY unit, score, member
)
ORDER BY most DESC, member, unit, score
LIMIT 2000
"""

_OF_A_SLICE = "slice = {slice:String}"


@dataclass(frozen=True, slots=True)
class GroupCount:
    """Hits of a score among the ``n`` outputs of a group, and the same of all groups together."""

    unit: str
    score: str
    group: str
    n: int
    hits: float
    n_all: int
    hits_all: float


def by_dimension(
    store: Store, scope: Scope, weeks: Weeks, at_least: tuple[tuple[str, int], ...], dimension: str
) -> tuple[GroupCount, ...]:
    """The scores by value of a dimension, of flags first; ``at_least`` as in `trends`."""
    found = _asked(store, scope, weeks, at_least, "slice", OF_A_DIMENSION, dimension=dimension)
    return tuple(
        GroupCount(unit, score, unquote(member.partition("=")[2]), n, hits, n_all, hits_all)
        for unit, score, member, n, hits, n_all, hits_all in found
    )


def by_service(
    store: Store, scope: Scope, weeks: Weeks, at_least: tuple[tuple[str, int], ...], slice_: str = "all"
) -> tuple[GroupCount, ...]:
    """The scores by service within a slice, flags first."""
    found = _asked(store, scope, weeks, at_least, "service", _OF_A_SLICE, slice=slice_)
    return tuple(GroupCount(*row) for row in found)


def _asked(
    store: Store,
    scope: Scope,
    weeks: Weeks,
    at_least: tuple[tuple[str, int], ...],
    member: str,
    slices: str,
    **named: str,
) -> list[tuple[str, str, str, int, float, int, float]]:
    found = []
    for part in apart(at_least):
        read = days_and_cells(
            f"unit, score, service, slice, n, {hits_of(part)} AS hit",
            f"score IN {{scores:Array(String)}} AND {slices}",
        )
        sql = _BY_GROUP.replace("$rows", read).replace("$member", member)
        given = scope.bind(service=weeks.service, **counted(part), **named, **bounds(weeks, scope))
        found += [
            (str(unit), str(score), str(name), int(n), float(hits), int(n_all), float(hits_all))
            for unit, score, name, n, hits, n_all, hits_all, *_ in store.rows(sql, given)
        ]
    return found
