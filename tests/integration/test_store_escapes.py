"""What a statement cannot do: bring back a file, write one, run a program or reach another address.

The engine itself is the judge. A file with a token that stands nowhere else lies beside the store, and a
listener waits for connections; whatever is asked, the token comes back in no answer and in no table, nothing
is written where the test looks, and nobody connects.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.embedded import landlock

pytestmark = pytest.mark.integration

TOKEN = uuid.uuid4().hex
"""Content of the file."""

TABLES = [
    "'{f}'",
    "`{f}`",
    '"{f}"',
    "default.`{f}`",
    'default."{f}"',
    "`default`.`{f}`",
    "`{hex}`",
    "file('{f}')",
    "file('{f}', LineAsString)",
    "file('{f}', 'LineAsString', 'line String')",
    "`file`('{f}')",
    "`fi\\x6ce`('{f}')",
    "file/**/('{f}')",
    "file('file://{f}')",
    "filesystem('{d}')",
    "fileCluster('default', '{f}')",
    "url('file://{f}', LineAsString)",
    "url('http://{a}/x', LineAsString)",
    "executable('/bin/cat {f}', LineAsString, 'line String')",
    "s3('http://{a}/b/x', LineAsString)",
    "remote('{a}', system.one)",
    "sqlite('{f}', 't')",
    "iceberg('{d}')",
    "deltaLakeLocal('{d}')",
    "hudi('{d}')",
    "cluster('default', default.`{f}`)",
    "loop(default.`{f}`)",
    "loop('default', '{f}')",
    "merge('default', '.*')",
    "mergeTreeIndex('default', '{f}')",
    "view(SELECT * FROM '{f}')",
    "viewExplain('EXPLAIN', '', (SELECT * FROM '{f}'))",
    "eval('SELECT file(''{f}'')')",
    "kql('print file(\"{f}\")')",
    "format(Values, 'a String', '(file(''{f}''))')",
    "format(JSONEachRow, 'a String, b String DEFAULT file(''{f}'')', '{{\"a\":1}}')",
    "values('a String DEFAULT file(''{f}'')', '1')",
    "generateRandom('a String ALIAS file(''{f}'')', 1, 1, 1)",
    "Python(__file__)",
    "catboostEvaluate('{f}', 1)",
    "{{table:Identifier}}",
]
"""What may stand where a table does."""

CALLS = [
    "file('{f}')",
    "`file`('{f}')",
    "\"file\"('{f}')",
    "“file”('{f}')",
    "`fi\\x6ce`('{f}')",
    "file/* ( */('{f}')",
    "file -- (\n('{f}')",
    "file # (\n('{f}')",
    "arrayMap(file, ['{f}'])",
    "arrayMap(`file`, ['{f}'])",
    "arrayMap(x -> file(x), ['{f}'])",
    "$a$ ' $a$, file('{f}') -- '",
    "1 AS 1a$b$, file('{f}'), '$b$'",
    "/* /* */ ' */ file('{f}') -- '",
    "1, // ' \n file('{f}') -- '",
    "identity(\u00a0file('{f}'))",
    "aiGenerate('x', file('{f}'))",
    "1.file('{f}')",
    "(SELECT file('{f}'))",
]
"""What may stand where a value does."""

MERGE_TREE = "CREATE TABLE e.a (a String) ENGINE = MergeTree ORDER BY a"

STATEMENTS = [
    "SELECT * APPLY(file) FROM (SELECT '{f}')",
    "SELECT * APPLY file FROM (SELECT '{f}')",
    "SELECT * APPLY `file` FROM (SELECT '{f}')",
    "SELECT COLUMNS('x') APPLY(`fi\\x6ce`) FROM (SELECT '{f}' AS x)",
    "SELECT 1 FORMAT Template SETTINGS format_template_row = '{f}'",
    "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '{f}'",
    "SELECT 1 AS x FORMAT Protobuf SETTINGS format_schema = '{f}:M'",
    "SELECT 1 AS x FORMAT Protobuf SETTINGS output_format_schema = '{o}'",
    "SELECT 1 AS x SETTINGS additional_result_filter = 'throwIf(file(''{f}'') = 1)'",
    "SELECT 1 SETTINGS additional_table_filters = {{'system.one': 'throwIf(file(''{f}'') = 1)'}}",
    "SELECT 1 INTO OUTFILE '{o}'",
    "SELECT 1 into /**/ outfile '{o}' TRUNCATE",
    "INSERT INTO e.t FROM INFILE '{f}' FORMAT LineAsString",
    "INSERT INTO e.t VALUES (file('{f}'))",
    "INSERT INTO e.t FORMAT Values (file('{f}'))",
    "INSERT INTO e.t VALUES ((SELECT file('{f}')))",
    "INSERT INTO default.`{o}` VALUES ('x')",
    "INSERT INTO TABLE FUNCTION file('{o}', CSV, 'a String') VALUES ('x')",
    "INSERT INTO FUNCTION url('http://{a}/', CSV, 'a String') VALUES ('x')",
    "INSERT INTO e.t SELECT * FROM '{f}'",
    "INSERT INTO e.t SELECT file('{f}')",
    "CREATE TABLE e.a (a String DEFAULT file('{f}')) ENGINE = MergeTree ORDER BY tuple()",
    "CREATE TABLE e.a ENGINE = MergeTree ORDER BY tuple() AS SELECT * FROM '{f}'",
    "CREATE TABLE e.a AS default.`{f}`",
    "CREATE TABLE e.a AS file('{f}')",
    "CREATE TABLE e.a (a String) ENGINE = File(LineAsString, '{f}')",
    "CREATE TABLE e.a (a String) ENGINE = Buffer(default, `{o}`, 1, 0, 0, 0, 0, 0, 0)",
    "CREATE TABLE e.a (a String) ENGINE = Alias(default, `{f}`)",
    "CREATE TABLE e.a (a String) ENGINE = Merge(default, '.*')",
    "CREATE TABLE e.a (a String) ENGINE = URL('http://{a}/', CSV)",
    "CREATE TABLE e.a (a String) ENGINE = Executable('cat', CSV)",
    f"{MERGE_TREE} SETTINGS disk = disk(type = local, path = '{{o}}/')",
    f"{MERGE_TREE} SETTINGS disk = `disk`(type = 'local', path = '{{o}}')",
    f"{MERGE_TREE} SETTINGS disk = disk(type = web, endpoint = 'http://{{a}}/')",
    "CREATE VIEW e.w AS SELECT * FROM '{f}'",
    "CREATE VIEW e.w AS SELECT file('{f}')",
    "CREATE MATERIALIZED VIEW e.w ENGINE = Log POPULATE AS SELECT * FROM '{f}'",
    "CREATE MATERIALIZED VIEW e.w TO default.`{o}` AS SELECT a FROM e.t",
    "CREATE DATABASE e2 ENGINE = Filesystem('{d}')",
    "CREATE DATABASE e2 ENGINE = Overlay('default')",
    "CREATE DATABASE e2 ENGINE = SQLite('{f}')",
    "CREATE DATABASE e2 ENGINE = Backup('e', File('{o}'))",
    *(
        f"CREATE DICTIONARY e.y (a String, b String) PRIMARY KEY a LAYOUT(FLAT()) SOURCE({source})"
        for source in (
            "FILE(PATH '{f}' FORMAT 'LineAsString')",
            "EXECUTABLE(COMMAND 'cat {f}' FORMAT 'CSV')",
            "CLICKHOUSE(QUERY 'SELECT file(''{f}''), 1')",
            "HTTP(URL 'http://{a}/' FORMAT 'CSV')",
        )
    ),
    "SELECT * FROM e.y",
    "ALTER TABLE e.t ADD COLUMN b String DEFAULT file('{f}')",
    "ALTER TABLE e.t UPDATE a = file('{f}') WHERE 1",
    "ALTER TABLE e.t FREEZE WITH NAME '../../../..{o}'",
    "BACKUP DATABASE e TO File('{o}')",
    "RESTORE DATABASE e FROM File('{d}')",
    "ATTACH TABLE e.z FROM '{d}' (a String) ENGINE = MergeTree ORDER BY a",
    "ATTACH DATABASE e2 ENGINE = Filesystem('{d}')",
    "CREATE FUNCTION g AS (x) -> file(x)",
    "CREATE USER g",
    "GRANT SOURCES ON *.* TO default",
    "EXECUTE AS default SELECT file('{f}')",
    "DESCRIBE '{f}'",
    "DESCRIBE TABLE file('{f}', CSV)",
    "DESCRIBE (SELECT * FROM '{f}')",
    "EXPLAIN SELECT file('{f}')",
    "SHOW CREATE TABLE default.`{f}`",
    "SHOW TABLES FROM `{d}`",
    "SELECT 1 IN (SELECT * FROM '{f}')",
    "SELECT 1 IN default.`{f}`",
    "WITH x AS (SELECT * FROM '{f}') SELECT * FROM x",
    "FROM '{f}' SELECT *",
    "TABLE '{f}'",
    "SELECT * FROM (SELECT 1) AS q, '{f}' AS r",
    "SELECT * FROM system.one JOIN '{f}' ON 1",
    "SELECT dictGet('{f}', 'a', 1)",
    "SELECT joinGet('default.{f}', 'a', 1)",
    "SELECT hasColumnInTable('default', '{f}', 'line')",
    "SYSTEM RELOAD CONFIG",
    "SELECT * FROM e.a",
    "SELECT * FROM e.w",
    "SELECT * FROM e.t",
]

URL_SETTINGS = [
    ("SELECT 1 FORMAT Template", {"format_template_row": "{f}"}),
    ("SELECT 1", {"additional_result_filter": "throwIf(file('{f}') = 1)"}),
    ("print file('{f}')", {"dialect": "kusto", "allow_experimental_kusto_dialect": "1"}),
    ("file('{f}')", {"implicit_select": "1"}),
    ("INSERT INTO e.t FORMAT Values\n(file('{f}'))", {"input_format_values_interpret_expressions": "1"}),
    ("INSERT INTO e.t FORMAT JSONEachRow\n{{", {"input_format_record_errors_file_path": "{o}"}),
    ("SELECT * FROM {{t:Identifier}}", {"param_t": "{f}"}),
    ("SELECT * FROM {{t:Identifier}}", {"param_t": "default.{f}"}),
    ("SELECT {{t:Identifier}}('{f}')", {"param_t": "file"}),
    ("SELECT * FROM `{f}`", {"database": "default"}),
    ("SELECT * FROM `token.txt`", {"database": "{d}"}),
]


@dataclass
class Store:
    """The store under attack, and what must not be reached."""

    client: httpx.Client
    file: Path
    out: Path
    listener: socket.socket

    def text(self, pattern: str) -> str:
        """A pattern with the paths and the address in it."""
        address = "{}:{}".format(*self.listener.getsockname())
        coded = "".join(f"\\x{byte:02x}" for byte in str(self.file).encode())
        return pattern.format(f=self.file, d=self.file.parent, o=self.out, a=address, hex=coded)

    def ask(self, statement: str, **url: str) -> str:
        """What the store answers."""
        return self.client.post("/", content=statement.encode(), params=url).text

    def check(self, statement: str, **url: str) -> str:
        """Ask, and look at everything that must not have happened."""
        answer = self.ask(statement, **url)
        assert TOKEN not in answer, statement
        assert not self.out.exists(), statement
        with pytest.raises(BlockingIOError):
            self.listener.accept()
        return answer


@pytest.fixture(scope="module")
def attacked(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    parts = urlsplit(store)
    folder = tmp_path_factory.mktemp("secret")
    file = folder / "token.txt"
    file.write_text(f"{TOKEN}\n")
    with (
        httpx.Client(
            base_url=f"http://{parts.hostname}:{parts.port}",
            auth=(parts.username or "", parts.password or ""),
            timeout=60,
        ) as client,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        listener.setblocking(False)
        attack = Store(client, file, folder / "out", listener)
        attack.ask("CREATE DATABASE e")
        attack.ask("CREATE TABLE e.t (a String) ENGINE = MergeTree ORDER BY a")
        yield attack
        rows = attack.ask("SELECT * FROM e.t")
        attack.ask("DROP DATABASE e")
        assert TOKEN not in rows


@pytest.mark.parametrize("pattern", TABLES)
def test_a_file_in_the_place_of_a_table_is_refused(attacked: Store, pattern: str) -> None:
    for asked in ("SELECT * FROM {}", "DESCRIBE TABLE {}", "INSERT INTO e.t SELECT * FROM {}"):
        answer = attacked.check(asked.format(attacked.text(pattern)), param_table=str(attacked.file))
        assert "Exception" in answer or pattern.startswith(("generateRandom", "merge", "values"))


@pytest.mark.parametrize("pattern", CALLS)
def test_a_file_in_the_place_of_a_value_is_refused(attacked: Store, pattern: str) -> None:
    for asked in ("SELECT {}", "SELECT 1 WHERE '' != toString({})", "INSERT INTO e.t SELECT {}"):
        assert "Exception" in attacked.check(asked.format(attacked.text(pattern)))


def test_no_statement_reaches_beyond_the_store(attacked: Store) -> None:
    for pattern in STATEMENTS:
        attacked.check(attacked.text(pattern))
    for pattern, url in URL_SETTINGS:
        attacked.check(attacked.text(pattern), **{name: attacked.text(v) for name, v in url.items()})


def test_what_is_ordinary_still_works(attacked: Store) -> None:
    ask = attacked.ask
    assert ask("CREATE VIEW e.ok AS SELECT a AS `a/b`, 'file(' AS c FROM e.t") == ""
    assert ask("INSERT INTO e.t VALUES ('x'), ('file(''y'')')") == ""
    assert ask("SELECT `a/b`, c FROM e.ok WHERE `a/b` = 'x'") == "x\tfile(\n"
    assert ask("SELECT file FROM (SELECT 1 AS file)") == "1\n"
    assert ask("SELECT count() FROM numbers(3) /* file( ' */ -- file('\n") == "3\n"


SPACES = st.sampled_from(
    ["", " ", "\n", "\t", "/**/", "/* ' */", "-- '\n", '# "\n', "/*(*/", "\u00a0", "// '\n"]
)
NAMES = st.sampled_from(
    ["file", "`file`", '"file"', "`f\\x69le`", "“file”", "FILE", "File", "file$", "{n:Identifier}"]
)
QUOTES = st.sampled_from(["'{}'", "\u2018{}\u2019", "$q${}$q$", "$${}$$", "concat('{}')", "{{p:String}}"])
AROUND = [
    "SELECT {}",
    "SELECT * FROM {}",
    "SELECT * FROM (SELECT {})",
    "SELECT (SELECT {})",
    "WITH {} AS w SELECT w",
    "WITH w AS (SELECT * FROM {}) SELECT * FROM w",
    "SELECT 1 UNION ALL SELECT * FROM {}",
    "SELECT if(1, {}, '')",
    "SELECT [{}], map('a', {})",
    "SELECT x FROM (SELECT 1) ARRAY JOIN [{}] AS x",
    "SELECT 1 IN {}",
    "SELECT toString(1) ORDER BY {}",
    "SELECT 1 HAVING throwIf({} != '')",
    "INSERT INTO e.t SELECT {}",
    "INSERT INTO e.t VALUES ({})",
    "DESCRIBE {}",
    "EXPLAIN PLAN SELECT {}",
    "SELECT '' -- '\n, {} -- '",
    "SELECT /* /* */ {} */ 1",
    "SELECT $a$'$a$, {}, $b$'$b$",
    "SELECT `\\`, {}, `",
]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=NAMES,
    quote=QUOTES,
    spaces=st.tuples(SPACES, SPACES, SPACES),
    around=st.lists(st.sampled_from(AROUND), min_size=1, max_size=2),
    call=st.sampled_from(["call", "table", "given"]),
    tail=st.sampled_from(["", " FORMAT JSON", " SETTINGS max_threads = 1", ";", " FORMAT Template"]),
)
def test_no_spelling_brings_a_file_back(
    attacked: Store,
    name: str,
    quote: str,
    spaces: tuple[str, str, str],
    around: list[str],
    call: str,
    tail: str,
) -> None:
    path = quote.replace("{}", str(attacked.file)).replace("{{", "{").replace("}}", "}")
    before, between, after = spaces
    text = {
        "call": f"{before}{name}{between}({after}{path})",
        "table": f"{before}{path.replace(chr(39), chr(96))}{after}",
        "given": f"arrayMap({before}{name}{between},[{after}{path}])",
    }[call]
    for one in around:
        text = one.replace("{}", text)
    attacked.check(text + tail, param_n="file", param_p=str(attacked.file))


PAST_THE_CHECK = """
import sys
from pathlib import Path
from infra.embedded.clickhouse_engine import Engine, EngineError, Job
from infra.embedded.clickhouse_server import _confine
from infra.embedded.clickhouse_statement import Kind, Statement
root = Path(sys.argv[1])
_confine(root)
engine = Engine(root / "data", {})
for text in sys.stdin.read().split("\\0"):
    try:
        sys.stdout.buffer.write(engine.execute(Job(Statement(Kind.WRITE, text.encode(), None), "TSV")).body)
    except EngineError as error:
        print(error)
    except RuntimeError as error:
        print(error)
print("REACHED THE END")
"""


@pytest.mark.skipif(not landlock.version(), reason="the kernel has no Landlock")
def test_a_statement_that_passed_the_check_by_mistake_reaches_nothing(
    attacked: Store, tmp_path: Path
) -> None:
    """The engine's account and the kernel hold by themselves: nothing is classified here."""
    texts = [attacked.text(p) for p in STATEMENTS]
    texts += [f"SELECT * FROM {attacked.text(p)}" for p in TABLES[:-1]]  # noqa: S608 - that is the point
    texts += [f"SELECT {attacked.text(p)}" for p in CALLS]
    texts += [
        "SELECT file('/proc/self/environ')",
        "SELECT file('/etc/passwd')",
        "SELECT file('/etc/hostname')",
    ]
    first = ["CREATE DATABASE e", "CREATE TABLE e.t (a String) ENGINE = MergeTree ORDER BY a"]
    done = subprocess.run(
        [sys.executable, "-c", PAST_THE_CHECK, str(tmp_path)],
        input="\0".join([*first, *texts]),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PLANTED": TOKEN, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert "REACHED THE END" in done.stdout, done.stderr[-2000:]
    assert TOKEN not in done.stdout + done.stderr
    assert "root:" not in done.stdout
    assert not attacked.out.exists()
    with pytest.raises(BlockingIOError):
        attacked.listener.accept()
