"""The ClickHouse client, and the schema's migrations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from infra.errors import Misconfigured, Unavailable
from infra.settings import StoreSettings, hide_password

MIGRATIONS = Path(__file__).parent / "migrations"

_FILE = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")
_VERSIONS = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    number UInt16,
    name String,
    applied Bool,
    at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(at)
ORDER BY number
"""


def connect(settings: StoreSettings, *, database: str | None = None, answer_within_s: int = 120) -> Client:
    """Open a client; one per thread of work, it holds a pool of HTTP connections.

    A server that accepts a statement and says nothing for ``answer_within_s`` seconds counts as gone.

    Raises
    ------
    Misconfigured
        If the URL is not of the form ``http[s]://user:password@host:port``.
    Unavailable
        If the server does not answer.
    """
    parts = urlsplit(settings.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Misconfigured(
            f"store.url = {hide_password(settings.url)!r} is not an address: give "
            "http://user:password@host:8123 in LIGHTSHIP_CLICKHOUSE"
        )
    try:
        return clickhouse_connect.get_client(
            host=parts.hostname,
            port=parts.port or (8443 if parts.scheme == "https" else 8123),
            interface=parts.scheme,
            username=unquote(parts.username or "default"),
            password=_password(settings, unquote(parts.password or "")),
            database=settings.database if database is None else database,
            autogenerate_session_id=False,
            connect_timeout=5,
            send_receive_timeout=answer_within_s,
        )
    except OperationalError as error:
        raise Unavailable(f"no ClickHouse at {hide_password(settings.url)}: {error}") from error


def _password(settings: StoreSettings, in_url: str) -> str:
    if not settings.password_file:
        return in_url
    try:
        return Path(settings.password_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Misconfigured(f"cannot read store.password_file {settings.password_file}: {error}") from error


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered change of the schema and how to take it back."""

    number: int
    name: str
    up: tuple[str, ...]
    down: tuple[str, ...]


def read_migrations(folder: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """All migrations in order.

    Raises
    ------
    Misconfigured
        If a file lacks one of its two halves or numbers are not 1, 2, 3 ...
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE.match(path.name)
        up, mark, down = path.read_text(encoding="utf-8").partition("-- migrate:down")
        if match is None or not mark or "-- migrate:up" not in up:
            raise Misconfigured(f"{path.name} is not a migration: name it 0001_what.sql, with both halves")
        found.append(
            Migration(
                int(match[1]), match[2], _statements(up.partition("-- migrate:up")[2]), _statements(down)
            )
        )
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise Misconfigured(f"migrations must be numbered 1, 2, 3 ..., found {[m.number for m in found]}")
    return tuple(found)


def _statements(text: str) -> tuple[str, ...]:
    return tuple(s.strip() for s in text.split(";\n") if s.strip())


def migrate(settings: StoreSettings, *, to: int | None = None) -> list[str]:
    """Bring the schema to migration ``to`` (default: the newest), up or down; say what was done.

    A statement that is interrupted is repeated by the next run: every ``CREATE`` is ``IF NOT EXISTS`` and
    every ``DROP`` ``IF EXISTS`` by the time it is sent.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer or refuses a statement; the message names the migration.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", settings.database):
        raise Misconfigured(f"store.database = {settings.database!r} is not a name")
    root = connect(settings, database="default")
    try:
        root.command(f"CREATE DATABASE IF NOT EXISTS {settings.database}")
    finally:
        root.close()
    client = connect(settings)
    try:
        client.command(_VERSIONS)
        return _apply(client, read_migrations(), to)
    finally:
        client.close()


def _apply(client: Client, migrations: Sequence[Migration], to: int | None) -> list[str]:
    rows = client.query("SELECT number FROM schema_migrations FINAL WHERE applied").result_rows
    have = {int(row[0]) for row in rows}
    target = len(migrations) if to is None else to
    done = []
    steps = [(m, True) for m in migrations if m.number <= target and m.number not in have]
    steps += [(m, False) for m in reversed(migrations) if m.number > target and m.number in have]
    for migration, up in steps:
        for statement in migration.up if up else migration.down:
            sql = statement.replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ")
            sql = sql.replace("DROP TABLE ", "DROP TABLE IF EXISTS ")
            try:
                client.command(sql)
            except ClickHouseError as error:
                raise Unavailable(f"migration {migration.number:04d}_{migration.name}: {error}") from error
        client.insert(
            "schema_migrations", [[migration.number, migration.name, up]], ["number", "name", "applied"]
        )
        done.append(f"{'applied' if up else 'took back'} {migration.number:04d}_{migration.name}")
    return done
