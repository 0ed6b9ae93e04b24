"""Days are the sums of deduplicated cells, whatever was written again, late, or while a run was cut off."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from infra.clickhouse import connect
from ingest.agents.detect.days import Days
from ingest.errors import Unavailable
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

BEGIN = datetime(2026, 2, 26, tzinfo=UTC)
COLUMNS = (
    *("tenant", "lineage", "service", "environment", "unit", "score", "generation", "slice", "tick", "part"),
    *("n", "total", "cell", "count", "category", "applied_offset"),
)
KEY = "tenant, lineage, unit, score, slice, service, environment, generation, day"
OF_CELLS = f"""
SELECT {KEY}, sum(n), round(sum(total), 6), arraySort(groupArrayArray(hits))
FROM
(
    SELECT tenant, lineage, unit, score, slice, service, environment, generation, toDate(tick) AS day,
        n, total,
        arrayFlatten(arrayMap((i, c) -> arrayWithConstant(c, i), arrayEnumerate(count), count)) AS at,
        if(empty(cell), arrayMap(i -> category[i], at), arrayMap(i -> toString(cell[i]), at)) AS hits
    FROM cells FINAL
)
GROUP BY {KEY} ORDER BY {KEY}
"""  # noqa: S608 - our own names
OF_DAYS = f"""
SELECT {KEY}, n, round(total, 6), arraySort(if(empty(cell), arrayMap(i -> category[i], at),
    arrayMap(i -> toString(cell[i]), at))) AS hits
FROM
(
    SELECT *, arrayFlatten(arrayMap((i, c) -> arrayWithConstant(c, i), arrayEnumerate(count), count)) AS at
    FROM days FINAL
)
ORDER BY {KEY}
"""  # noqa: S608 - our own names


@pytest.fixture
def client(store: str) -> Iterator[Client]:
    opened = connect(fresh_database(store, "lightship_days"))
    yield opened
    opened.close()


def cell(rng: random.Random, offset: int) -> tuple[Any, ...]:
    """A cell of few series and few days, so that many are written again; larger with every offset."""
    score = rng.choice(("refusal", "language"))
    at = BEGIN + timedelta(minutes=5 * rng.choice((0, 1, 287, 288, 600, 1_200)))
    counts = [rng.randint(1, 3), rng.randint(1, 3)]
    names = rng.sample(("de", "en", "fr"), 2) if score == "language" else []
    numbers = [] if names else [0, 1]
    place = ("default", rng.choice(("live", "demo-1")), "bot", "", "interaction", score, 1)
    slice_, part = rng.choice(("all", "release=2")), rng.choice((0, 7))
    return (*place, slice_, at, part, sum(counts), counts[1] * 1.0, numbers, counts, names, offset)


class Refused:
    """A client of a store that refuses the days of one lineage."""

    def __init__(self, client: Client, lineage: str) -> None:
        self._client = client
        self._lineage = lineage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def command(self, sql: str, **named: Any) -> Any:
        if named["parameters"]["lineage"] == self._lineage:
            raise DatabaseError("Code: 241. Memory limit exceeded")
        return self._client.command(sql, **named)


class CutOff:
    """A client that loses the connection when the second lineage is to be summed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._left = 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def command(self, *arguments: Any, **named: Any) -> Any:
        if not self._left:
            raise OperationalError("connection lost")
        self._left -= 1
        return self._client.command(*arguments, **named)


@pytest.mark.parametrize("seed", range(3))
def test_days_are_the_sums_of_their_cells(client: Client, seed: int) -> None:
    rng = random.Random(seed)
    for turn in range(4):
        rows = [cell(rng, 100 * turn + i) for i in range(40)]
        client.insert("cells", rows, column_names=list(COLUMNS))
        if turn == 1:
            with pytest.raises(Unavailable, match="connection lost"):
                Days(CutOff(client)).run()  # type: ignore[arg-type]
        Days(client).run()
        assert client.query(OF_DAYS).result_rows == client.query(OF_CELLS).result_rows


def test_a_lineage_whose_days_are_refused_costs_no_other_its_days(client: Client) -> None:
    rng = random.Random(1)
    rows = [cell(rng, i) for i in range(60)]
    client.insert("cells", rows, column_names=list(COLUMNS))
    lineages = sorted({row[1] for row in rows})
    first, second = lineages
    for _ in range(2):
        with pytest.raises(Unavailable, match="Memory limit"):
            Days(Refused(client, first)).run()  # type: ignore[arg-type]
    assert {row[1] for row in client.query(OF_DAYS).result_rows} == {second}
    Days(client).run()
    assert client.query(OF_DAYS).result_rows == client.query(OF_CELLS).result_rows


def test_nothing_is_summed_where_nothing_was_written(client: Client) -> None:
    assert Days(client).run() == 0
    client.insert("cells", [cell(random.Random(1), 1)], column_names=list(COLUMNS))
    assert Days(client).run() == 1
    client.command("INSERT INTO days_done SELECT now64(3) + INTERVAL 1 HOUR")
    assert Days(client).run() == 0
