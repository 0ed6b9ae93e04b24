"""Sums cells up by day, for what is asked over weeks.

Cells are cumulative and replace themselves, so nothing can be added to a day as cells arrive: a view on the
table would count a repeated write twice. Instead every day of which cells were written since the last time is
computed again from all its deduplicated cells; the newest result takes the place of those before. It may be
interrupted, repeated and run by several: how far all of it has come is noted at the end.
"""

from __future__ import annotations

import logging

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from ingest.errors import Unavailable

logger = logging.getLogger(__name__)

OVERLAP_S = 120
"""Cells may show up this long after the time they say they were written at: an insert takes its while."""

MOST_DAYS = 62
"""Days of a lineage that one statement computes."""

_DONE = "SELECT max(until), now64(3, 'UTC') FROM days_done"

_TOUCHED = """
SELECT tenant, lineage, groupUniqArray(toDate(tick, 'UTC'))
FROM cells
WHERE written_at > {since:DateTime64(3, 'UTC')} - toIntervalSecond({overlap:UInt32})
GROUP BY tenant, lineage
ORDER BY tenant, lineage
"""

_SUM = """
INSERT INTO days
    (
        tenant, lineage, unit, score, slice, service, environment, generation, day,
        n, total, cell, count, category
    )
SELECT
    tenant, lineage, unit, score, slice, service, environment, generation, day, n, total,
    counted.1, if(empty(counted.1), named.2, counted.2), named.1
FROM
(
    SELECT
        tenant, lineage, unit, score, slice, service, environment, generation, toDate(tick, 'UTC') AS day,
        sum(cells.n) AS n, sum(cells.total) AS total,
        sumMap(cells.cell, arrayResize(cells.count, length(cells.cell))) AS counted,
        sumMap(cells.category, arrayResize(cells.count, length(cells.category))) AS named
    FROM cells FINAL
    PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND tick >= toDateTime({first:Date}, 'UTC') AND tick < toDateTime({last:Date} + 1, 'UTC')
        AND toDate(tick, 'UTC') IN {days:Array(Date)}
    GROUP BY tenant, lineage, unit, score, slice, service, environment, generation, day
)
"""


class Days:
    """Keeps the table ``days`` in step with ``cells``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def run(self) -> int:
        """Compute what has changed; how many days of lineages that were.

        Raises
        ------
        Unavailable
            If ClickHouse does not answer, or refuses the days of a lineage: those of all others are computed,
            and what is left is tried the next time.
        """
        done = 0
        refused: ClickHouseError | None = None
        try:
            since, now = self._client.query(_DONE).result_rows[0]
            bound = {"since": since, "overlap": OVERLAP_S}
            for tenant, lineage, touched in self._client.query(_TOUCHED, parameters=bound).result_rows:
                days = sorted(touched)
                for some in (days[i : i + MOST_DAYS] for i in range(0, len(days), MOST_DAYS)):
                    place = {"tenant": tenant, "lineage": lineage, "days": some}
                    bound = {**place, "first": some[0], "last": some[-1]}
                    try:
                        self._client.command(_SUM, parameters=bound)
                    except OperationalError:
                        raise  # it would not answer for the others
                    except ClickHouseError as error:
                        logger.warning("days of the lineage %r are not summed up: %s", lineage, _first(error))
                        refused = error
                        break
                    done += len(some)
            if refused is not None:
                raise refused
            self._client.insert("days_done", [(now,)], column_names=["until"])
        except ClickHouseError as error:
            raise Unavailable(f"days are not summed up: {_first(error)}") from error
        return done


def _first(error: ClickHouseError) -> str:
    return next(iter(str(error).splitlines()), "")[:200]
