"""How an INSERT is taken apart for the embedded engine."""
# ruff: noqa: S608 - names are made here

from __future__ import annotations

import pytest

from infra.embedded.clickhouse_staging import staged
from infra.embedded.clickhouse_statement import Refused


@pytest.mark.parametrize(
    ("head", "target", "columns"),
    [
        ("INSERT INTO t", "t", ""),
        ("insert into table db.t (a, b)", "db.t", "a, b"),
        ("INSERT INTO `d b`.`t(` (`a)`, b, n.c)", "`d b`.`t(`", "`a)`, b, n.c"),
        ("INSERT t (* EXCEPT(a))", "t", "* EXCEPT(a)"),
        ("INSERT INTO t /* (x) */ (a) SETTINGS max_threads = 2", "t", "a"),
        ("INSERT INTO t SETTINGS max_threads = 2", "t", ""),
    ],
)
def test_rows_go_to_a_table_in_memory_and_from_there_to_their_table(
    head: str, target: str, columns: str
) -> None:
    steps = staged(head.encode())
    rows = steps.fill.decode().split()[2]
    assert steps.create == f"CREATE TEMPORARY TABLE {rows} AS {target} ENGINE = Memory"
    assert steps.fill.decode() == f"INSERT INTO {rows}" + (f" ({columns})" if columns else "")
    assert steps.copy.decode() == f"{head} SELECT {columns or '*'} FROM {rows}"
    assert steps.count == f"SELECT count() FROM {rows}"
    assert staged(head.encode()).create != steps.create


@pytest.mark.parametrize(
    "head", ["INSERT INTO FUNCTION null('a UInt8')", "INSERT INTO", "INSERT INTO t (a", "INSERT"]
)
def test_what_names_no_table_is_refused(head: str) -> None:
    with pytest.raises(Refused):
        staged(head.encode())
