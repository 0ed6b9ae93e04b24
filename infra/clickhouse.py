"""The ClickHouse client, and the schema's migrations."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from infra.errors import InfraError, Misconfigured, Unavailable
from infra.kafka_access import trusting
from infra.settings import StoreSettings, hide_password

logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
"""What the client logs it raises as well, and its words may hold statements, so text."""

MIGRATIONS = Path(__file__).parent / "migrations"

UNKNOWN_DATABASE = 81
REFUSED_ACCOUNT = frozenset({192, 193, 194, 516})
"""ClickHouse's codes for an unknown user, a wrong, a missing and a refused password."""
DENIED = 497

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
        If the URL is not of the form ``http[s]://user:password@host:port``, what answers there is something
        else, or user or password are wrong.
    Unavailable
        If the server does not answer, or the database is not there (yet).
    """
    address = hide_password(settings.url)
    if settings.ca_file:
        trusting(settings.ca_file, "store.ca_file")  # else the client tells of a file, not of the setting
    host, port, scheme, user, password = _parts(settings)
    name = settings.database if database is None else database
    try:
        return clickhouse_connect.get_client(
            host=host,
            port=port,
            interface=scheme,
            username=user,
            password=password,
            database=name,
            autogenerate_session_id=False,
            ca_cert=settings.ca_file or None,
            connect_timeout=5,
            send_receive_timeout=answer_within_s,
        )
    except OperationalError as error:
        if "CERTIFICATE_VERIFY_FAILED" in _cause(error):
            raise Misconfigured(
                f"the certificate of ClickHouse at {address} is not trusted: set store.ca_file to the "
                "authority that signed it, and name the host as it does"
            ) from None
        raise Unavailable(
            f"no ClickHouse at {address}: {_cause(error)}; start it, or correct LIGHTSHIP_CLICKHOUSE"
        ) from None
    except ClickHouseError as error:
        raise _refusal(error, address, name, user) from None


def _parts(settings: StoreSettings) -> tuple[str, int, str, str, str]:
    """Host, port, scheme, user and password of the URL."""
    try:
        parts = urlsplit(settings.url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Misconfigured(
            f"store.url = {hide_password(settings.url)!r} is not an address: give "
            "http://user@host:8123 in LIGHTSHIP_CLICKHOUSE"
        )
    port = port or (8443 if parts.scheme == "https" else 8123)
    password = _password(settings, unquote(parts.password or ""))
    return parts.hostname, port, parts.scheme, unquote(parts.username or "default"), password


def _refusal(error: ClickHouseError, address: str, database: str, user: str) -> InfraError:
    """The error for a server that answered and said no."""
    code = getattr(error, "code", None)
    if code == UNKNOWN_DATABASE:
        return Unavailable(
            f"ClickHouse at {address} has no database {database}: run `lightship setup`, or correct "
            "store.database"
        )
    if code in REFUSED_ACCOUNT:
        return Misconfigured(
            f"ClickHouse at {address} refuses user {user!r} or the password: correct LIGHTSHIP_CLICKHOUSE or "
            "LIGHTSHIP_CLICKHOUSE_PASSWORD_FILE"
        )
    if code == DENIED:
        return Misconfigured(
            f"ClickHouse at {address} does not let user {user!r} use database {database}: grant it, or set "
            "store.database"
        )
    if code is None:
        return Misconfigured(
            f"what answers at {address} is not ClickHouse's HTTP interface: correct LIGHTSHIP_CLICKHOUSE"
        )
    return Unavailable(f"ClickHouse at {address} refused to connect: {_cause(error)}")


def _cause(error: BaseException) -> str:
    """The first cause, in a line: what the client puts around it repeats addresses and statements."""
    seen: list[BaseException] = [error]
    while (below := seen[-1].__cause__ or seen[-1].__context__) is not None and below not in seen:
        seen.append(below)
    words = str(getattr(seen[-1], "strerror", None) or seen[-1]).splitlines()
    return words[0][:200] if words else type(seen[-1]).__name__


def _password(settings: StoreSettings, in_url: str) -> str:
    if not settings.password_file:
        return in_url
    try:
        return Path(settings.password_file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"cannot read store.password_file {settings.password_file}: {_cause(error)}"
        ) from None


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


def migrate(
    settings: StoreSettings, *, to: int | None = None, migrations: Sequence[Migration] | None = None
) -> list[str]:
    """Bring the schema to migration ``to`` (default: the newest), up or down; say what was done.

    ``migrations`` are others than the shipped ones only in tests.

    A statement that is interrupted is repeated by the next run: every ``CREATE`` is ``IF NOT EXISTS`` and
    every ``DROP`` ``IF EXISTS`` by the time it is sent.

    Raises
    ------
    Misconfigured
        If the name of the database is no name, ``to`` is no migration, or the schema is newer than this.
    Unavailable
        If ClickHouse does not answer or refuses a statement; the message names the migration.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", settings.database):
        raise Misconfigured(f"store.database = {settings.database!r} is not a name")
    if migrations is None:
        migrations = read_migrations()
    if to is not None and not 0 <= to <= len(migrations):
        raise Misconfigured(f"there is no migration {to}: they are 1 to {len(migrations)}, 0 is before all")
    root = connect(settings, database="default")
    try:
        root.command(f"CREATE DATABASE IF NOT EXISTS {settings.database}")
    except ClickHouseError as error:
        raise Unavailable(f"cannot create database {settings.database}: {error}") from error
    finally:
        root.close()
    client = connect(settings)
    try:
        return _apply(client, migrations, len(migrations) if to is None else to)
    except ClickHouseError as error:
        raise Unavailable(f"cannot keep account of migrations: {error}") from error
    finally:
        client.close()


def _apply(client: Client, migrations: Sequence[Migration], target: int) -> list[str]:
    client.command(_VERSIONS)
    rows = client.query("SELECT number FROM schema_migrations FINAL WHERE applied").result_rows
    have = {int(row[0]) for row in rows}
    if have and max(have) > len(migrations):
        raise Misconfigured(
            f"the schema is at migration {max(have)}, this Lightship knows {len(migrations)}: run a newer one"
        )
    done = []
    steps = [(m, True) for m in migrations if m.number <= target and m.number not in have]
    steps += [(m, False) for m in reversed(migrations) if m.number > target and m.number in have]
    for migration, up in steps:
        for statement in migration.up if up else migration.down:
            try:
                client.command(repeatable(statement))
            except ClickHouseError as error:
                raise Unavailable(f"migration {migration.number:04d}_{migration.name}: {error}") from error
        client.insert(
            "schema_migrations", [[migration.number, migration.name, up]], ["number", "name", "applied"]
        )
        done.append(f"{'applied' if up else 'took back'} {migration.number:04d}_{migration.name}")
    return done


def repeatable(statement: str) -> str:
    """The statement so that running it again, after an interruption, does no harm."""
    statement = re.sub(r"^CREATE TABLE (?!IF )", "CREATE TABLE IF NOT EXISTS ", statement, flags=re.MULTILINE)
    return re.sub(r"^DROP TABLE (?!IF )", "DROP TABLE IF EXISTS ", statement, flags=re.MULTILINE)
