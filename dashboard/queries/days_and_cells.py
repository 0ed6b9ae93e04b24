"""Weeks of outputs: whole days that are over from sums by day, the present one from the cells themselves.

Sums by day follow some minutes behind, and cells of weeks are hundreds a series and day.
"""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.queries.store import Scope

FRESH_S = 3_600
"""How long after its end a day is still read from cells: its sum may not have all of it."""
DAY_S = 24 * 3600

OF_A_DIMENSION = "startsWith(slice, concat({dimension:String}, '=')) AND position(slice, ',') = 0"
"""Slices by the values of one dimension alone."""


@dataclass(frozen=True, slots=True)
class Weeks:
    """From the Monday ``from_s`` to ``to_s``, seconds since 1970; ``service`` empty means all of them."""

    from_s: int
    to_s: int
    service: str = ""


def days_and_cells(columns: str, where: str) -> str:
    """The rows of both as a subquery; ``$day`` in ``columns`` is the day. `bounds` are its parameters."""
    sql = """
        SELECT $of_days
        FROM days FINAL
        PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
            AND ({service:String} = '' OR service = {service:String})
            AND $where
            AND day >= toDate(toDateTime({from:UInt32}, 'UTC'))
            AND day < toDate(toDateTime({fresh:UInt32}, 'UTC'))
        UNION ALL
        SELECT $of_cells
        FROM cells FINAL
        PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
            AND ({service:String} = '' OR service = {service:String})
            AND $where
            AND tick >= toDateTime({fresh:UInt32}, 'UTC') AND tick < toDateTime({to:UInt32}, 'UTC')
"""
    sql = sql.replace("$of_days", columns.replace("$day", "day"))
    return sql.replace("$of_cells", columns.replace("$day", "toDate(tick)")).replace("$where", where)


def bounds(weeks: Weeks, scope: Scope) -> dict[str, int]:
    """The span, and where sums by day end and cells begin: on a day's edge, never before the first."""
    fresh = min(weeks.to_s, max(weeks.from_s, (scope.now_s - FRESH_S) // DAY_S * DAY_S))
    return {"from": weeks.from_s, "to": weeks.to_s, "fresh": fresh}
