"""INSERTs of the embedded store: what it acknowledges is stored, what the engine fails is an error."""
# ruff: noqa: S608 - table names are made here

from __future__ import annotations

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.store_client import a_client, a_table  # noqa: F401 - fixtures

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("definition", "rows", "code"),
    [
        ("(a UInt64, CONSTRAINT small CHECK a < 10) ENGINE = MergeTree ORDER BY a", [[50]], 1002),
        ("(a UInt64) ENGINE = MergeTree ORDER BY a PARTITION BY a", [[n] for n in range(200)], 252),
    ],
    ids=["constraint", "too many partitions"],
)
def test_an_insert_that_the_engine_fails_is_not_acknowledged(
    client: Client, table: str, definition: str, rows: list[list[int]], code: int
) -> None:
    """Its streamed INSERT says that all is well."""
    client.command(f"CREATE TABLE {table} {definition}")
    with pytest.raises(DatabaseError) as failed:
        client.insert(table, rows, column_names=["a"])
    assert failed.value.code == code
    assert client.query(f"SELECT count() FROM {table}").result_rows == [(0,)]


def test_too_many_parts_are_an_error(client: Client, table: str) -> None:
    client.command(
        f"CREATE TABLE {table} (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS parts_to_throw_insert = 1, "
        "parts_to_delay_insert = 0, max_avg_part_size_for_too_many_parts = 0"
    )
    client.insert(table, [[1]], column_names=["a"])
    with pytest.raises(DatabaseError) as failed:
        client.insert(table, [[2]], column_names=["a"])
    assert failed.value.code == 252
    assert client.query(f"SELECT a FROM {table}").result_rows == [(1,)]


def test_omitted_columns_are_computed_and_settings_of_the_statement_obeyed(
    client: Client, table: str
) -> None:
    client.command(
        f"CREATE TABLE {table} (a UInt64, `b c` String DEFAULT concat('b', toString(a)), "
        "m UInt64 MATERIALIZED a + 1) ENGINE = MergeTree ORDER BY a PARTITION BY a"
    )
    database = client.query("SELECT currentDatabase()").result_rows[0][0]
    client.raw_insert(table, ["a"], b"".join(b"%d\n" % n for n in range(3)), fmt="TSV")
    many = b"".join(b"%d\tx\n" % n for n in range(100, 300))
    head = f"INSERT INTO TABLE `{database}`.{table} (a, `b c`)"
    client.command(f"{head} SETTINGS max_partitions_per_insert_block = 0 FORMAT TSV", data=many)
    client.raw_insert(table, None, b'{"a": 7}\n', fmt="JSONEachRow")
    assert client.query(f"SELECT a, `b c`, m FROM {table} WHERE a < 10 ORDER BY a").result_rows == [
        (0, "b0", 1),
        (1, "b1", 2),
        (2, "b2", 3),
        (7, "b7", 8),
    ]
    assert client.query(f"SELECT count(), any(`b c`) FROM {table} WHERE a >= 100").result_rows == [(200, "x")]


def test_of_equal_keys_in_one_insert_the_last_stays(client: Client, table: str) -> None:
    client.command(f"CREATE TABLE {table} (k UInt64, v UInt64) ENGINE = ReplacingMergeTree ORDER BY k")
    rows = 300_000
    client.insert(table, [[0] * rows, list(range(rows))], column_names=["k", "v"], column_oriented=True)
    assert client.query(f"SELECT v FROM {table} FINAL").result_rows == [(rows - 1,)]
