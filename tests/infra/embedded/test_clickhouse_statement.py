from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.embedded.clickhouse_lexer import tokens
from infra.embedded.clickhouse_statement import MAX_HEAD_BYTES, Kind, Refused, classify, stray_definitions

READS = [
    "SELECT 1",
    "  select 1 ;  -- done",
    "/* a; b */ WITH 1 AS x SELECT x",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "SHOW TABLES",
    "DESCRIBE TABLE t",
    "EXPLAIN SELECT 1",
    "EXISTS t",
    "SELECT ';' AS `a;b`, \"c;d\"",
    "SELECT 'it''s; \\' still' # comment",
    "SELECT url, file FROM t",
    "SELECT filter FROM t WHERE filter = 1 AND dialect = 'x'",
    "SELECT 'é $a$ // /* ' AS `é//` -- é $ // /*",
    "SELECT format('{}', 1), values FROM merge('a', 'b')",
    "SELECT count() FROM numbers(10) SETTINGS max_threads = 1",
]

WRITES = [
    "CREATE TABLE t (a Int32) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE t (a Int32) ENGINE ReplacingMergeTree(a) ORDER BY a",
    "CREATE TABLE t (engine String, set Int8, use Int8) ENGINE = Log",
    "CREATE TABLE t (a Int32)",
    "CREATE TABLE t AS u",
    "CREATE MATERIALIZED VIEW v ENGINE = SummingMergeTree ORDER BY a AS SELECT engine FROM t",
    "CREATE MATERIALIZED VIEW v TO t AS SELECT 1",
    "CREATE DATABASE d",
    "CREATE DATABASE d ENGINE = Atomic",
    "ALTER TABLE t ADD COLUMN b Int8",
    "INSERT INTO t VALUES (1), (2)",
    "INSERT INTO t SELECT * FROM u FORMAT Null",
    "INSERT INTO t WITH 1 AS x SELECT x",
    "OPTIMIZE TABLE t FINAL",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "DROP TABLE t",
]

REFUSED = [
    ("", 62),
    (" -- nothing\n", 62),
    ("SELECT 1; SELECT 2", 62),
    ("SELECT 1; DROP TABLE t -- x", 62),
    ("SET max_threads = 1", 344),
    ("use d", 344),
    ("BEGIN TRANSACTION", 344),
    ("CREATE TEMPORARY TABLE t (a Int8)", 344),
    ("CREATE OR REPLACE TEMPORARY TABLE t (a Int8)", 344),
    ("CREATE TABLE t (a Int8) ENGINE = Kafka('b', 't', 'g', 'CSV')", 344),
    ("CREATE TABLE t (a Int8) ENGINE Kafka SETTINGS kafka_format = 'CSV'", 344),
    ("CREATE TABLE t (a Int8) /* x */ ENGINE /* y */ = `Kafka`()", 344),
    ("ATTACH TABLE t (a Int8) ENGINE = URL('http://x', CSV)", 344),
    ("CREATE TABLE t (a Int8) ENGINE = ReplicatedMergeTree('/x', 'y') ORDER BY a", 344),
    ("CREATE DATABASE d ENGINE = MySQL('h', 'd', 'u', 'p')", 344),
    ("CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(HTTP(URL 'http://x'))", 344),
    ("CREATE OR REPLACE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(CLICKHOUSE(QUERY 'SELECT 1'))", 344),
    (
        "CREATE TABLE t (a Int8) ENGINE = Log SETTINGS disk = disk(type = local, path = '/x')",
        344,
    ),
    ("CREATE TABLE t (a Int8) ENGINE = Buffer(default, `/x`, 1, 1, 1, 1, 1, 1, 1)", 344),
    ("SELECT * FROM url('http://x', CSV)", 344),
    ("SELECT `f\\x69le`('/etc/passwd')", 344),
    ("SELECT * APPLY file FROM t", 344),
    ("SELECT arrayMap(file, a) FROM t", 344),
    ("SELECT 1 SETTINGS max_threads = 1, `additional_result_filter` = 'file(1)'", 344),
    ("SELECT $a$ ' $a$, file('/etc/passwd') -- '", 62),
    ("SELECT /* /* */ ' */ file('/etc/passwd') -- '", 62),
    ("SELECT 1 // ' \n, file('/etc/passwd') -- '", 62),
    ("SELECT \u201cfile\u201d('/etc/passwd')", 62),
    ("SELECT\u00a01", 62),
    ("SELECT file('/etc/passwd')", 344),
    ("INSERT INTO FUNCTION file('x.csv') VALUES (1)", 344),
    ("INSERT INTO FUNCTION s3('x') FORMAT CSV\n1", 344),
    ("SELECT 1 INTO OUTFILE 'x'", 344),
    ("INSERT INTO t FROM INFILE 'x' FORMAT CSV", 344),
    ("SELECT * FROM PYTHON(x)", 344),
    ("SYSTEM SHUTDOWN", 344),
    ("SELECT " + "1, " * MAX_HEAD_BYTES, 62),
]


@pytest.mark.parametrize("text", READS)
def test_reads_are_told(text: str) -> None:
    statement = classify(text.encode())
    assert statement.kind is Kind.READ
    assert statement.text == text.encode()


@pytest.mark.parametrize("text", WRITES)
def test_writes_are_told(text: str) -> None:
    assert classify(text.encode()).kind is Kind.WRITE


@pytest.mark.parametrize(("text", "code"), REFUSED, ids=[t[:40] for t, _ in REFUSED])
def test_what_would_do_harm_is_refused(text: str, code: int) -> None:
    with pytest.raises(Refused) as caught:
        classify(text.encode())
    assert caught.value.code == code
    assert str(caught.value).startswith(f"Code: {code}. DB::Exception: ")


@pytest.mark.parametrize(
    ("text", "head", "name", "rows"),
    [
        ("INSERT INTO t FORMAT Native\n\x00;x", "INSERT INTO t", "Native", "\x00;x"),
        ("insert into `a;b`.t (x, y) format CSV  \n1,2", "insert into `a;b`.t (x, y)", "CSV", "1,2"),
        (
            "INSERT INTO t SETTINGS a = 1 FORMAT JSONEachRow {}",
            "INSERT INTO t SETTINGS a = 1",
            "JSONEachRow",
            "{}",
        ),
        ("INSERT INTO t FORMAT Values (1), (2)", "INSERT INTO t", "Values", "(1), (2)"),
        ("INSERT INTO t FORMAT CSV;\n1", "INSERT INTO t", "CSV", "1"),
        ("INSERT INTO t FORMAT CSV", "INSERT INTO t", "CSV", ""),
        ("INSERT INTO t FORMAT CSV\n\n1", "INSERT INTO t", "CSV", "\n1"),
        ("INSERT INTO t (SELECT) FORMAT CSV\n1", "INSERT INTO t (SELECT)", "CSV", "1"),
    ],
)
def test_an_insert_is_cut_where_its_rows_begin(text: str, head: str, name: str, rows: str) -> None:
    source = text.encode()
    statement = classify(source)
    assert statement.kind is Kind.INSERT
    assert (statement.text, statement.format) == (head.encode(), name)
    assert source[statement.data_at :] == rows.encode()


@given(rows=st.binary(max_size=200))
def test_rows_are_never_looked_at(rows: bytes) -> None:
    head = b"INSERT INTO t (a) FORMAT RowBinary\n"
    statement = classify(head + rows)
    assert (statement.text, statement.data_at) == (b"INSERT INTO t (a)", len(head))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SELECT 1 FORMAT JSON", "JSON"),
        ("SELECT 1\n FORMAT Native", "Native"),
        ("SELECT 1 FORMAT TSV SETTINGS x = 1", "TSV"),
        ("SELECT 1 FORMAT TSV;", "TSV"),
        ("SELECT format FROM t", None),
        ("SELECT (SELECT 1 FORMAT JSON)", None),
        ("SELECT 'FORMAT JSON'", None),
        ("SELECT 1 -- FORMAT JSON", None),
    ],
)
def test_the_output_format_is_found(text: str, name: str | None) -> None:
    assert classify(text.encode()).format == name


@given(text=st.text(max_size=40), quote=st.sampled_from("'`\""))
def test_nothing_inside_quotes_counts(text: str, quote: str) -> None:
    inside = text.replace("\\", "\\\\").replace(quote, "\\" + quote)
    source = f"SELECT {quote}{inside}{quote} FORMAT CSV".encode()
    statement = classify(source)
    assert (statement.kind, statement.format) == (Kind.READ, "CSV")


@given(text=st.text(max_size=40))
def test_nothing_inside_comments_counts(text: str) -> None:
    line = text.replace("\n", " ")
    block = text.replace("/", "")
    statement = classify(f"SELECT 1 -- {line}\n /* {block}x*/ FORMAT CSV".encode())
    assert (statement.kind, statement.format) == (Kind.READ, "CSV")


@given(st.binary(max_size=200))
def test_tokens_lie_in_order_and_leave_only_spaces_and_comments_out(source: bytes) -> None:
    at = 0
    for token in tokens(source):
        assert at <= token.start < token.end <= len(source)
        assert source[token.start : token.end].decode("latin-1") == token.text
        at = token.end


@given(st.text(max_size=100))
def test_any_text_is_classified_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        assert classify(text.encode()).text


def test_definitions_that_keep_a_directory_from_opening_are_found(tmp_path: Path) -> None:
    (tmp_path / "store" / "a").mkdir(parents=True)
    good = tmp_path / "store" / "a" / "good.sql"
    bad = tmp_path / "store" / "a" / "bad.sql"
    good.write_text("ATTACH TABLE _ UUID 'x' (`a` Int32) ENGINE = MergeTree ORDER BY a SETTINGS x = 1")
    bad.write_text("ATTACH TABLE _ UUID 'x' (`a` Int32) ENGINE = Kafka('b', 't', 'g', 'CSV')")
    assert list(stray_definitions(tmp_path)) == [bad]
