"""The chDB engine: one data directory, many short connections.

Every statement gets a connection of its own on the shared directory. Opening one costs 0.07 ms (measured; the
engine itself stays up as long as one connection does), and nothing, no setting, database or half-read result,
is left for the next statement. Statements run at the same time on different connections, in threads: the
engine releases the interpreter lock.
"""

from __future__ import annotations

import contextlib
import logging
import re
import uuid
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chdb

from infra.embedded.clickhouse_access import check_grants, connection_target, write_access
from infra.embedded.clickhouse_catalogue import SQL_SETTINGS
from infra.embedded.clickhouse_staging import staged
from infra.embedded.clickhouse_statement import Kind, Statement, stray_definitions
from infra.errors import Misconfigured
from infra.private_files import private_directory

logger = logging.getLogger(__name__)

APPEND_BYTES = 1 << 20
_IN_ORDER = "SET async_insert = 0, max_threads = 1, max_insert_threads = 1"
"""For an INSERT: its rows are in memory when they are copied, and the last of equal keys stays the last."""
DEFAULT_DATABASE = "main"
"""Where statements that name no database work: the engine's own ``default`` also holds every file."""
UNKNOWN_EXCEPTION = 1002
UNKNOWN_SETTING = 115
CONSTRAINT = 452

FAILURES = (chdb.ChdbError, RuntimeError)
"""What the parts of chDB raise."""

_CODE = re.compile(r"Code: (\d{1,9})\. ")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")


class EngineError(Exception):
    """The engine refused or failed; ``code`` is ClickHouse's number, the text its message."""

    def __init__(self, message: str) -> None:
        start = message.find("Code: ")
        text = message[start:].strip() if start >= 0 else f"Code: {UNKNOWN_EXCEPTION}. {message.strip()}"
        super().__init__(text)
        match = _CODE.match(text)
        self.code = int(match[1]) if match else UNKNOWN_EXCEPTION


@dataclass(frozen=True, slots=True)
class Job:
    """A statement with everything it is run with. ``params`` are raw, as in the HTTP interface."""

    statement: Statement
    format: str
    database: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    tag: str = field(default_factory=lambda: str(uuid.uuid4()))
    """Identifies the running statement, as its ``log_comment``."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished statement did. ``elapsed_ns`` is the engine's time."""

    body: bytes = b""
    read_rows: int = 0
    read_bytes: int = 0
    result_rows: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_ns: int = 0


class Engine:
    """Owner of a data directory.

    Parameters
    ----------
    path
        The engine's directory; made if missing. What its account may do is written beside it.
    defaults
        Settings every statement starts with; a request may set others.

    Raises
    ------
    Misconfigured
        If the directory cannot be opened; the message names the files that prevent it, if they are known.
    """

    def __init__(self, path: Path, defaults: Mapping[str, str]) -> None:
        self._defaults = dict(defaults)
        private_directory(path)
        self._target = connection_target(path, write_access(path.parent / f"{path.name}-access"))
        try:
            self._keeper = chdb.connect(self._target)
        except FAILURES as error:
            stray = [str(p) for p in stray_definitions(path)]
            hint = f"; move away {', '.join(stray)}" if stray else ""
            raise Misconfigured(f"cannot open the embedded store in {path}: {error}{hint}") from error
        check_grants(self._keeper.query("SHOW GRANTS", "TabSeparated").bytes().decode())
        self._keeper.query(f"CREATE DATABASE IF NOT EXISTS {DEFAULT_DATABASE} ENGINE = Atomic")
        row = self._keeper.query("SELECT version(), timezone()", "TabSeparated").bytes().decode()
        self.version, self.timezone = row.rstrip("\n").split("\t")

    def execute(self, job: Job) -> Outcome:
        """Run a statement that is not an INSERT with rows; its whole result is in the outcome.

        Raises
        ------
        EngineError
            If the engine says no.
        """
        with self._connection(job) as connection:
            result = connection.query(job.statement.text, job.format, params=dict(job.params))
            writes = job.statement.kind is not Kind.READ
            return Outcome(
                body=result.bytes() or b"",
                read_rows=result.storage_rows_read(),
                read_bytes=result.storage_bytes_read(),
                result_rows=0 if writes else result.rows_read(),
                written_rows=result.rows_written(),
                written_bytes=result.bytes_written(),
                elapsed_ns=int(result.elapsed() * 1e9),
            )

    def insert(self, job: Job, rows: memoryview) -> Outcome:
        """Insert rows given in the statement's format; all of them or, on an error, as far as parts went.

        Raises
        ------
        Refused
            If the statement is of a kind that is not supported.
        EngineError
            If the engine says no.
        """
        steps = staged(job.statement.text)
        with self._connection(job) as connection:
            connection.query(_IN_ORDER)
            connection.query(steps.create)
            read = _fill(connection, steps.fill, job.format, rows)
            kept = int(connection.query(steps.count, "TabSeparated").bytes())
            if kept != read.rows_written:
                raise EngineError(
                    f"Code: {UNKNOWN_EXCEPTION}. DB::Exception: of {read.rows_written} rows {kept} could be "
                    "kept in memory: none is stored. They violate a constraint, or are too many at a time. "
                    "(UNKNOWN_EXCEPTION)"
                )
            result = connection.query(steps.copy, "Null")
            return Outcome(
                result_rows=result.rows_written(),
                written_rows=result.rows_written(),
                written_bytes=result.bytes_written(),
                elapsed_ns=int((read.elapsed + result.elapsed()) * 1e9),
            )

    def stream(self, job: Job) -> Generator[bytes, None, None]:
        """Result of a READ piece by piece; the pieces joined are the result. Close it if you stop early.

        Raises
        ------
        EngineError
            At the first or any later piece.
        """
        with self._connection(job) as connection:
            result = connection.send_query(job.statement.text, job.format, params=dict(job.params))
            try:
                for piece in result:
                    yield piece.bytes()
            finally:
                result.close()

    def cancel(self, tag: str) -> None:
        """Stop the statement with this tag, if it still runs."""
        condition = "Settings['log_comment'] = {tag:String}"
        with contextlib.suppress(*FAILURES):
            self._keeper.query(f"KILL QUERY WHERE {condition} ASYNC", "Null", params={"tag": tag})

    def stop_merges(self) -> None:
        """Begin no merge, and give up those under way; what they were to replace stays."""
        self._keeper.query("SYSTEM STOP MERGES", "Null")

    def start_merges(self) -> None:
        """Merge again."""
        self._keeper.query("SYSTEM START MERGES", "Null")

    def close(self) -> None:
        """Let the engine flush and end; no statement may be running."""
        self._keeper.close()

    @contextlib.contextmanager
    def _connection(self, job: Job) -> Iterator[Any]:
        try:
            with contextlib.closing(chdb.connect(self._target)) as connection:
                named = DEFAULT_DATABASE if job.database in ("", "default") else job.database
                connection.query(f"USE {_quoted(named, '`')}")
                settings = self._defaults | dict(job.settings) | {"log_comment": job.tag}
                connection.query(f"SET {_assignments(settings)}")
                yield connection
        except FAILURES as error:
            raise EngineError(str(error)) from error


def _fill(connection: Any, statement: bytes, rows_format: str, rows: memoryview) -> Any:
    """Stream rows into the table in memory; what the engine says of it."""
    inserter = connection.send_insert(statement, rows_format)
    try:
        for at in range(0, len(rows), APPEND_BYTES):
            inserter.append(bytes(rows[at : at + APPEND_BYTES]))
        return inserter.finish()
    except BaseException:
        inserter.cancel()
        raise


def _assignments(settings: Mapping[str, str]) -> str:
    """Settings as the list after SET; ``readonly`` last, because it forbids the rest.

    Raises
    ------
    EngineError
        If a name cannot be a setting.
    """
    for name in settings:
        if name in SQL_SETTINGS:
            raise EngineError(
                f"Code: {CONSTRAINT}. DB::Exception: Setting {name} should not be changed. "
                "(SETTING_CONSTRAINT_VIOLATION)"
            )
        if not _SETTING.match(name):
            raise EngineError(
                f"Code: {UNKNOWN_SETTING}. DB::Exception: Unknown setting {name!r}. (UNKNOWN_SETTING)"
            )
    ordered = sorted(settings.items(), key=lambda item: item[0] == "readonly")
    return ", ".join(f"{name} = {_quoted(value, chr(39))}" for name, value in ordered)


def _quoted(text: str, quote: str) -> str:
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote
