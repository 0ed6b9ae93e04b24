"""Migrations as text, how long they let rows live, and what a failed connection says."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra import retention
from infra.clickhouse import Migration, connect, read_migrations, repeatable
from infra.errors import InfraError, Misconfigured, Unavailable
from infra.settings import StoreSettings

HALVES = "-- migrate:up\nCREATE TABLE a (x UInt8) ENGINE = Memory;\n\n-- migrate:down\nDROP TABLE a;\n"
ALL = read_migrations()
CREATED = {
    table[1]: statement
    for m in ALL
    for statement in m.up
    if (table := re.search(r"CREATE TABLE (\w+)", statement))
}


def write(folder: Path, *names: str, text: str = HALVES) -> Path:
    for name in names:
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_files_are_read_in_order(tmp_path: Path) -> None:
    first, second = read_migrations(write(tmp_path, "0002_b.sql", "0001_a.sql"))
    assert (first.number, first.name, second.name) == (1, "a", "b")
    assert first.up == ("CREATE TABLE a (x UInt8) ENGINE = Memory",)
    assert first.down == ("DROP TABLE a",)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["0001_a.sql", "0003_c.sql"], r"1, 2, 3 \.\.\., found \[1, 3\]"),
        (["0002_b.sql"], r"found \[2\]"),
        (["0001_a.sql", "0001_b.sql"], r"found \[1, 1\]"),
        (["1_a.sql"], "1_a.sql is not a migration"),
        (["0001-a.sql"], "0001-a.sql is not a migration"),
    ],
)
def test_numbers_follow_each_other(tmp_path: Path, names: list[str], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        read_migrations(write(tmp_path, *names))


@pytest.mark.parametrize(
    "text", ["", "-- migrate:up\nSELECT 1;\n", "SELECT 1;\n-- migrate:down\nSELECT 1;\n"]
)
def test_a_migration_has_both_halves(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured, match="with both halves"):
        read_migrations(write(tmp_path, "0001_a.sql", text=text))


@pytest.mark.parametrize("migration", ALL, ids=lambda m: m.name)
def test_what_is_made_is_taken_back_in_reverse(migration: Migration) -> None:
    views = r"MATERIALIZED VIEW IF NOT EXISTS"
    up = re.compile(
        rf"^(?:CREATE (?:TABLE|{views})|ALTER .* ADD (?:INDEX|COLUMN) IF NOT EXISTS) (\w+)", re.MULTILINE
    )
    down = re.compile(
        r"^(?:DROP (?:TABLE|VIEW IF EXISTS)|ALTER .* DROP (?:INDEX|COLUMN) IF EXISTS) (\w+)", re.MULTILINE
    )
    made = [up.findall(s) for s in migration.up if not s.startswith("INSERT INTO")]
    dropped = [down.findall(s) for s in migration.down]
    assert made == dropped[::-1]
    assert all(len(names) == 1 for names in made)


@pytest.mark.parametrize("statement", [s for m in ALL for s in (*m.up, *m.down)], ids=lambda s: s[:40])
def test_every_statement_may_be_repeated(statement: str) -> None:
    sent = repeatable(statement)
    once = r"^(CREATE (TABLE|MATERIALIZED VIEW) IF NOT EXISTS|DROP (TABLE|VIEW) IF EXISTS|ALTER TABLE)"
    filled = re.search(r"^INSERT INTO (\w+)", sent, re.MULTILINE)
    assert re.search(once, sent, re.MULTILINE) or (filled and "AggregatingMergeTree" in CREATED[filled[1]])
    assert repeatable(sent) == sent


POSITIONS = ("ledger", "observations", "closed_ticks")
"""Tables read by position in a log."""


@pytest.mark.parametrize("table", sorted(CREATED))
def test_whose_rows_they_are_stands_first(table: str) -> None:
    """Every table with a tenant sorts by it first, except logs that are read by position."""
    statement = CREATED[table]
    key = re.search(r"ORDER BY \(?(\w+)", statement)
    assert key is not None
    if re.search(r"^\s+tenant ", statement, re.MULTILINE) and table not in POSITIONS:
        assert key[1] == "tenant"


def test_no_text_is_kept_longer_than_the_setting_says() -> None:
    text = {(k.table, k.column) for k in retention.declared(ALL) if k.is_text}
    assert ("content_records", "") in text
    for column in (
        "input_text",
        "output_text",
        "system_prompt",
        "tool_calls",
        "tool_results",
        "context_texts",
        "revised_prompts",
        "media",
    ):
        assert ("interactions", column) in text


def test_every_interval_is_a_setting_but_that_of_snapshots() -> None:
    declared = {(k.table, k.column) for k in retention.declared(ALL)}
    for table, statement in CREATED.items():
        for line in statement.splitlines():
            if " TTL " in f" {line}" and "INTERVAL 7 DAY" not in line:
                column = "" if line.startswith("TTL") else line.split()[0]
                assert (table, column) in declared
    assert ("snapshots", "") not in declared


SHOWN = (
    "CREATE TABLE d.t (`at` DateTime64(9), `body` String CODEC(ZSTD(3)) TTL toDateTime(at) + "
    "toIntervalDay(30), `other` String) ENGINE = MergeTree ORDER BY at "
    "TTL toDateTime(at) + toIntervalMonth(13) SETTINGS x = 1"
)


@pytest.mark.parametrize(
    ("days", "months", "altered"),
    [
        (30, 13, None),
        (7, 13, "ALTER TABLE t MODIFY COLUMN body TTL toDateTime(at) + toIntervalDay(7)"),
        (30, 6, "ALTER TABLE t MODIFY TTL toDateTime(at) + toIntervalMonth(6)"),
        (
            3,
            1,
            (
                "ALTER TABLE t MODIFY COLUMN body TTL toDateTime(at) + toIntervalDay(3), "
                "MODIFY TTL toDateTime(at) + toIntervalMonth(1)"
            ),
        ),
    ],
)
def test_a_table_is_altered_only_where_it_differs(days: int, months: int, altered: str | None) -> None:
    created = (
        "CREATE TABLE t\n(\n    at DateTime64(9),\n"
        "    body String CODEC(ZSTD(3)) TTL toDateTime(at) + INTERVAL 30 DAY,\n    other String\n)\n"
        "ENGINE = MergeTree\nORDER BY at\nTTL toDateTime(at) + INTERVAL 13 MONTH"
    )
    kept = retention.declared([Migration(1, "t", (created,), ())])
    settings = StoreSettings(text_days=days, score_months=months)
    assert retention.changes(kept, {"t": SHOWN}, settings).get("t") == altered


@contextmanager
def web(status: int, body: bytes = b"<html>not a database</html>") -> Iterator[str]:
    """A web server that is no ClickHouse."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://user:geheim@127.0.0.1:{server.server_port}"
        server.shutdown()


def said(settings: StoreSettings, error: type[InfraError]) -> str:
    with pytest.raises(InfraError) as caught:
        connect(settings, answer_within_s=1)
    assert type(caught.value) is error
    message = str(caught.value)
    assert "geheim" not in message
    return message


@pytest.mark.parametrize("status", [404, 401, 302])
def test_something_else_at_the_address_is_said_to_be_that(status: int) -> None:
    with web(status) as url:
        message = said(StoreSettings(url=url), Misconfigured)
    assert "127.0.0.1" in message
    assert "not ClickHouse" in message
    assert "LIGHTSHIP_CLICKHOUSE" in message


@pytest.mark.parametrize("status", [200, 503])
def test_what_may_be_a_proxy_before_it_may_come_back(status: int) -> None:
    with web(status) as url:
        assert "no ClickHouse at http://user:***@127.0.0.1" in said(StoreSettings(url=url), Unavailable)


def test_nobody_there_is_named_with_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    message = said(StoreSettings(url=f"http://user:geheim@127.0.0.1:{port}"), Unavailable)
    assert f"http://user:***@127.0.0.1:{port}: Connection refused" in message
    assert "LIGHTSHIP_CLICKHOUSE" in message


def test_a_server_that_says_nothing_counts_as_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://user:geheim@127.0.0.1:{silent.getsockname()[1]}"
        assert "timed out" in said(StoreSettings(url=url), Unavailable)


@pytest.mark.parametrize(
    "url",
    ["", "clickhouse:8123", "user:geheim@host", "tcp://host:9000", "http://", "http://h:port", "http://[::1"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    assert "is not an address: give http://user@host:8123" in said(StoreSettings(url=url), Misconfigured)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    message = said(StoreSettings(url="http://h:1", password_file=str(file)), Misconfigured)
    assert str(file) in message
