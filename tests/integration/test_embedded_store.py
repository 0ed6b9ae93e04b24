"""The embedded store through the ordinary ClickHouse client."""
# ruff: noqa: S608 - table names are made here

from __future__ import annotations

import asyncio
import gzip
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import lz4.frame  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import urllib3
import zstandard
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from infra.embedded.clickhouse_catalogue import OUTSIDE_FUNCTIONS, TABLE_ENGINES, TABLE_FUNCTIONS
from tests.store_client import a_client, a_table, connect  # noqa: F401 - fixtures

pytestmark = pytest.mark.integration


def refused(client: Client, sql: str, **more: Any) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        client.command(sql, **more)
    return caught.value


def test_values_of_every_kind_come_back_as_they_were(client: Client, table: str) -> None:
    client.command(
        f"CREATE TABLE {table} (id UInt64, at DateTime64(9, 'UTC'), text String, maybe Nullable(Float64), "
        "low LowCardinality(String), many Array(String), pairs Map(String, Float64), "
        "nested Nested(a String, b UInt16)) ENGINE = MergeTree ORDER BY id"
    )
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    hostile = "it's \\ a\ttab\nline \x00 zero é \U0001f600 ;DROP"
    rows: list[list[Any]] = [
        [1, at, hostile, None, "x", ["a", "'b'"], {"k": 0.5}, ["p", "q"], [1, 2]],
        [2**64 - 1, at, "", 1e300, "", [], {}, [], []],
    ]
    names = ["id", "at", "text", "maybe", "low", "many", "pairs", "nested.a", "nested.b"]
    summary = client.insert(table, rows, column_names=names)
    assert summary.written_rows == 2
    result = client.query(f"SELECT * FROM {table} ORDER BY id")
    assert [[row[0], row[1].replace(tzinfo=UTC), *row[2:]] for row in result.result_rows] == rows
    assert tuple(result.column_names) == tuple(names)
    assert int(result.summary["result_rows"]) == 2
    assert result.query_id


def test_parameters_are_bound_by_the_server(client: Client) -> None:
    values = {
        "s": "quote ' tab \t line \n back \\ é",
        "n": 7,
        "many": ["a'", "b\\"],
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "name": "number",
    }
    ask = "SELECT {s:String}, {n:Int32}, {many:Array(String)}, {at:DateTime('UTC')}, {name:Identifier}"
    row = client.query(f"{ask} FROM numbers(1)", parameters=values).result_rows[0]
    assert row[:3] == (values["s"], 7, values["many"])
    assert row[4] == 0
    missing = refused(client, "SELECT {s:String}")
    assert missing.code == 456


def test_parameters_too_long_for_a_url_arrive_in_a_form(client: Client) -> None:
    many = [f"value {i} 'é'" for i in range(5000)]
    found = client.query("SELECT {many:Array(String)}", parameters={"many": many}).result_rows[0][0]
    assert found == many


def test_frames_arrays_and_arrow_tables_pass(client: Client, table: str) -> None:
    client.command(f"CREATE TABLE {table} (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    client.insert_df(table, pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    client.insert_arrow(table, pa.table({"a": [3], "b": ["z"]}))
    frame = client.query_df(f"SELECT * FROM {table} ORDER BY a")
    assert list(frame["a"]) == [1, 2, 3]
    assert list(frame["b"]) == ["x", "y", "z"]
    arrow = client.query_arrow(f"SELECT * FROM {table} ORDER BY a")
    assert arrow.column("a").to_pylist() == [1, 2, 3]
    assert np.array_equal(client.query_np(f"SELECT a FROM {table} ORDER BY a").ravel(), [1, 2, 3])
    assert client.query(f"SELECT * FROM {table} LIMIT 0").column_names == ("a", "b")


PACKERS: dict[str | None, Callable[[bytes], bytes]] = {
    None: lambda data: data,
    "gzip": gzip.compress,
    "lz4": lambda data: bytes(lz4.frame.compress(data)),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}


@pytest.mark.parametrize("packing", PACKERS)
def test_raw_inserts_pass_compressed_or_not(client: Client, table: str, packing: str | None) -> None:
    client.command(f"CREATE TABLE {table} (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    body = PACKERS[packing](b'{"a": 1, "b": "x;"}\n{"a": 2, "b": "y"}\n')
    summary = client.raw_insert(table, ["a", "b"], body, fmt="JSONEachRow", compression=packing)
    assert summary.written_rows == 2
    assert client.query(f"SELECT * FROM {table} ORDER BY a").result_rows == [(1, "x;"), (2, "y")]


def test_inserts_of_plain_sql_pass(client: Client, table: str) -> None:
    client.command(f"CREATE TABLE {table} (a Int64) ENGINE = MergeTree ORDER BY a")
    client.command(f"INSERT INTO {table} VALUES (1), (2)")
    client.command(f"INSERT INTO {table} SELECT number + 3 FROM numbers(2)")
    client.command(f"INSERT INTO {table} FORMAT CSV", data="5\n6\n")
    assert client.command(f"SELECT groupArray(a) FROM (SELECT a FROM {table} ORDER BY a)") == "[1,2,3,4,5,6]"


def test_large_results_stream_and_are_whole(client: Client) -> None:
    with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(500000)") as stream:
        blocks = [len(block) for block in stream]
    assert sum(blocks) == 500_000
    assert len(blocks) > 1
    with client.query_df_stream("SELECT number FROM numbers(200000)") as frames:
        assert sum(len(f) for f in frames) == 200_000
    with client.raw_stream("SELECT number FROM numbers(100000)", fmt="CSV") as raw:
        assert raw.read().count(b"\n") == 100_000


def test_an_error_in_the_middle_of_a_stream_is_an_error(client: Client) -> None:
    sql = "SELECT throwIf(number = 400000), number FROM numbers(500000)"
    with pytest.raises(StreamFailureError) as caught, client.query_row_block_stream(sql) as stream:
        for _ in stream:
            pass
    assert caught.value.code == 395
    assert client.command("SELECT 1") == 1


def test_a_stream_left_early_frees_its_place(client: Client) -> None:
    for _ in range(8):  # more than there are threads
        with client.query_row_block_stream("SELECT number FROM numbers(1000000000)") as stream:
            next(iter(stream))
    assert client.command("SELECT 1") == 1


@pytest.mark.parametrize(
    ("sql", "code", "name"),
    [
        ("SELECT * FROM nowhere", 60, "UNKNOWN_TABLE"),
        ("SELEKT 1", 62, "SYNTAX_ERROR"),
        ("SELECT nothing", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT toUInt8('x')", 6, "CANNOT_PARSE_TEXT"),
        ("DROP TABLE nowhere", 60, "UNKNOWN_TABLE"),
        ("SELECT 1; SELECT 2", 62, "SYNTAX_ERROR"),
        ("SET max_threads = 1", 344, "SUPPORT_IS_DISABLED"),
        ("CREATE TEMPORARY TABLE t (a Int8)", 344, "SUPPORT_IS_DISABLED"),
        ("CREATE TABLE k (a Int8) ENGINE = Kafka('h', 't', 'g', 'CSV')", 344, "SUPPORT_IS_DISABLED"),
        ("SELECT file('/etc/hostname')", 344, "SUPPORT_IS_DISABLED"),
    ],
)
def test_errors_have_the_servers_number_and_name(client: Client, sql: str, code: int, name: str) -> None:
    error = refused(client, sql)
    assert (error.code, error.name) == (code, name)


def test_settings_hold_for_one_request(client: Client) -> None:
    ask = "SELECT value FROM system.settings WHERE name = 'max_threads'"
    before = client.command(ask)
    assert client.command(ask, settings={"max_threads": 1}) == 1
    assert client.command(ask) == before
    with pytest.raises(DatabaseError) as caught:
        client.command("INSERT INTO FUNCTION null('a Int8') VALUES (1)", settings={"readonly": 1})
    assert caught.value.code == 164


def test_a_database_holds_for_one_request(client: Client, store: str) -> None:
    name = f"d_{uuid.uuid4().hex}"
    client.command(f"CREATE DATABASE {name}")
    other = connect(store, database=name)
    try:
        other.command("CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a")
        other.insert("t", [[1]], column_names=["a"])
        assert other.command("SELECT currentDatabase()") == name
        assert client.command("SELECT currentDatabase()") == "main"
        assert client.command(f"SELECT count() FROM {name}.t") == 1
        with pytest.raises(DatabaseError) as caught:
            connect(store, database="nowhere")
        assert caught.value.code == 81
    finally:
        client.command(f"DROP DATABASE {name}")
        other.close()


def test_too_much_memory_time_or_result_is_refused(client: Client) -> None:
    heavy = "SELECT groupArray(number) FROM numbers(100000000)"
    assert refused(client, heavy, settings={"max_memory_usage": 10_000_000}).code == 241
    slow = "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1"
    assert refused(client, slow, settings={"max_execution_time": 1}).code == 159
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT number FROM numbers(10000000)", settings={"max_result_bytes": 1_000_000})
    assert caught.value.code == 396
    limits = client.query(
        "SELECT toUInt64(value) FROM system.settings "
        "WHERE name IN ('max_memory_usage', 'max_execution_time', 'max_result_bytes')"
    ).result_rows
    assert [row[0] > 0 for row in limits] == [True] * 3


def test_replacing_rows_are_seen_once_with_final(client: Client, table: str) -> None:
    client.command(
        f"CREATE TABLE {table} (k Int8, v String, n UInt8) ENGINE = ReplacingMergeTree(n) ORDER BY k"
    )
    for value, version in (("old", 1), ("new", 2), ("older", 0)):
        client.insert(table, [[1, value, version]], column_names=["k", "v", "n"])
    assert client.query(f"SELECT v FROM {table} FINAL").result_rows == [("new",)]
    assert client.query(f"SELECT v FROM {table}", settings={"final": 1}).result_rows == [("new",)]
    client.command(f"OPTIMIZE TABLE {table} FINAL")
    assert client.command(f"SELECT count() FROM {table}") == 1


def test_rows_go_at_the_end_of_their_time(client: Client, table: str) -> None:
    client.command(
        f"CREATE TABLE {table} (at DateTime('UTC'), secret String TTL at + INTERVAL 1 DAY) "
        "ENGINE = MergeTree ORDER BY at TTL at + INTERVAL 10 DAY"
    )
    client.command(f"INSERT INTO {table} SELECT now() - toIntervalDay(arrayJoin([0, 5, 20])), 'text'")
    client.command(f"OPTIMIZE TABLE {table} FINAL")
    assert client.query(f"SELECT secret FROM {table} ORDER BY at DESC").result_rows == [("text",), ("",)]


def test_a_schema_can_change(client: Client, table: str) -> None:
    client.command(f"CREATE TABLE {table} (a Int8) ENGINE = MergeTree ORDER BY a")
    client.command(f"INSERT INTO {table} VALUES (1)")
    client.command(f"ALTER TABLE {table} ADD COLUMN b String DEFAULT 'd' CODEC(ZSTD(1))")
    client.command(f"ALTER TABLE {table} UPDATE b = 'u' WHERE a = 1", settings={"mutations_sync": 2})
    assert client.query(f"SELECT a, b FROM {table}").result_rows == [(1, "u")]
    client.command(f"DELETE FROM {table} WHERE a = 1")
    assert client.command(f"SELECT count() FROM {table}") == 0
    client.command(f"ALTER TABLE {table} DROP COLUMN b")
    assert client.query(f"SELECT * FROM {table} LIMIT 0").column_names == ("a",)


def test_one_client_serves_threads_at_once(store: str, table: str, client: Client) -> None:
    client.command(f"CREATE TABLE {table} (a Int64) ENGINE = MergeTree ORDER BY a")
    shared = connect(store, autogenerate_session_id=False)
    failures: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for i in range(10):
                shared.insert(table, [[first * 100 + i]], column_names=["a"])
                assert shared.command("SELECT {x:Int64}", parameters={"x": first}) == first
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared.close()
    assert not failures
    assert client.command(f"SELECT count() FROM {table}") == 80


def test_two_slow_queries_run_side_by_side(store: str) -> None:
    clients = [connect(store) for _ in range(2)]

    def sleep(client: Client) -> None:
        client.command("SELECT sleep(1)")

    def together_s() -> float:
        threads = [threading.Thread(target=sleep, args=(c,)) for c in clients]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - began

    took_s = min(together_s() for _ in range(3))  # what else the machine does only makes it longer
    for c in clients:
        c.close()
    assert took_s < 2.0  # one after the other they never take less


def test_readers_leave_room_for_writers(store: str, client: Client, table: str) -> None:
    client.command(f"CREATE TABLE {table} (a Int64) ENGINE = MergeTree ORDER BY a")
    readers = [connect(store) for _ in range(8)]
    slept: list[float] = []

    def read(reader: Client) -> None:
        reader.command("SELECT sleep(3)")
        slept.append(time.monotonic())

    threads = [threading.Thread(target=read, args=(r,)) for r in readers]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    client.insert(table, [[1]], column_names=["a"])
    written = time.monotonic()
    for thread in threads:
        thread.join()
    for reader in readers:
        reader.close()
    assert written < min(slept)
    assert max(slept) > min(slept) + 1  # eight readers did not fit at once


def test_a_reader_that_goes_away_does_not_keep_its_place(store: str, client: Client) -> None:
    parts = urlsplit(store)
    slow = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1 FORMAT Native"
    headers = urllib3.make_headers(basic_auth=f"{parts.username}:{parts.password}")
    for _ in range(6):
        with (
            urllib3.HTTPConnectionPool(str(parts.hostname), parts.port, retries=False) as pool,
            pytest.raises(urllib3.exceptions.ReadTimeoutError),
        ):
            pool.request("POST", "/", body=slow, headers=headers, timeout=0.2)
    deadline = time.monotonic() + 20
    while client.command("SELECT count() FROM system.processes") != 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_asynchronous_client_works(store: str) -> None:
    async def work() -> list[Any]:
        parts = urlsplit(store)
        client = await clickhouse_connect.get_async_client(
            host=parts.hostname,
            port=parts.port,
            username=parts.username,
            password=parts.password or "",
            autogenerate_session_id=False,
        )
        try:
            results = await asyncio.gather(
                *(client.query("SELECT {n:Int32}", parameters={"n": n}) for n in range(10))
            )
            return [r.result_rows[0][0] for r in results]
        finally:
            await client.close()

    assert asyncio.run(work()) == list(range(10))


@pytest.mark.parametrize("password", ["", "wrong"])
def test_only_the_right_password_gets_in(store: str, password: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        connect(store, password=password)
    assert caught.value.code == 516


def test_plain_http_answers_like_a_server(store: str) -> None:
    parts = urlsplit(store)
    headers = urllib3.make_headers(basic_auth=f"{parts.username}:{parts.password}")
    with urllib3.HTTPConnectionPool(str(parts.hostname), parts.port) as pool:
        assert pool.request("GET", "/ping").data == b"Ok.\n"
        assert pool.request("GET", "/").data == b"Ok.\n"
        assert pool.request("GET", "/?query=SELECT%201").status == 403
        answer = pool.request("GET", "/?query=SELECT%201", headers=headers)
        assert (answer.status, answer.data) == (200, b"1\n")
        assert answer.headers["X-ClickHouse-Format"] == "TabSeparated"
        assert answer.headers["X-ClickHouse-Timezone"] == "UTC"
        written = pool.request("GET", "/?query=DROP%20TABLE%20t", headers=headers)
        assert (written.status, written.headers["X-ClickHouse-Exception-Code"]) == (403, "164")
        assert pool.request("POST", "/", body=b"", headers=headers).status == 400
        unknown = pool.request("POST", "/?compress=1", body=b"SELECT 1", headers=headers)
        assert unknown.status == 400
        zone = pool.request("POST", "/?session_timezone=Asia/Tokyo", body="SELECT 1", headers=headers)
        assert zone.headers["X-ClickHouse-Timezone"] == "Asia/Tokyo"


def test_the_lists_of_engines_and_functions_are_those_of_this_engine(client: Client) -> None:
    """A new version's table functions must be looked at: they are refused or allowed by name."""
    functions = {row[0] for row in client.query("SELECT name FROM system.table_functions").result_rows}
    assert functions == TABLE_FUNCTIONS | {f for f in functions if f.lower() in OUTSIDE_FUNCTIONS}
    assert {f.lower() for f in functions - TABLE_FUNCTIONS} == OUTSIDE_FUNCTIONS
    engines = {row[0] for row in client.query("SELECT name FROM system.table_engines").result_rows}
    assert engines >= TABLE_ENGINES
