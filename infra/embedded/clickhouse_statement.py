"""What a statement is, and whether the embedded engine may be given it.

Refused are: more than one statement (the engine would run them all; ClickHouse's HTTP interface does not),
``SET``, ``USE``, transactions and temporary tables (there are no sessions), engines and table functions that
reach outside (a rejected ``CREATE TABLE … ENGINE = Kafka`` leaves a definition behind that keeps the whole
data directory from being opened again), dictionaries, disks, reading or writing files, settings that hold SQL
or name files, what the engine's lexer reads in ways of its own, and stopping the engine.

What a statement reaches is decided by the engine (`infra.embedded.clickhouse_access`) and by the kernel
(`infra.embedded.landlock`); this is the first of the three, and what neither of them knows.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.embedded.clickhouse_catalogue import (
    DATABASE_ENGINES,
    OUTSIDE_CALLS,
    OUTSIDE_FUNCTIONS,
    SQL_SETTINGS,
    TABLE_ENGINES,
)
from infra.embedded.clickhouse_lexer import Token, tokens, unquoted

_READS = ("CHECK", "DESC", "DESCRIBE", "EXISTS", "EXPLAIN", "FROM", "SELECT", "SHOW", "WITH")
_LOOKS = ("DESC", "DESCRIBE", "EXISTS", "SHOW")
_SESSION = ("BEGIN", "COMMIT", "ROLLBACK", "SET", "USE")
_STOPS = ("KILL", "SHUTDOWN", "SUSPEND")

MAX_HEAD_BYTES = 1 << 20
"""Longest statement (without rows); ClickHouse's own ``max_query_size`` is a quarter of it."""

NOT_SUPPORTED = (344, "SUPPORT_IS_DISABLED")
SYNTAX_ERROR = (62, "SYNTAX_ERROR")


class Refused(Exception):
    """A statement that is not given to the engine, with ClickHouse's error code and its name."""

    def __init__(self, code: tuple[int, str], message: str) -> None:
        super().__init__(f"Code: {code[0]}. DB::Exception: {message} ({code[1]})")
        self.code = code[0]


class Kind(enum.Enum):
    """What a statement does."""

    READ = "read"
    WRITE = "write"
    INSERT = "insert"
    """An INSERT whose rows follow in a format."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as the engine wants it.

    ``text`` is without the FORMAT clause and the rows for an INSERT, whose rows begin at ``data_at`` of the
    source; ``format`` is that of the rows, or the one a READ asks for (None: the request's default).
    """

    kind: Kind
    text: bytes
    format: str | None
    data_at: int = -1
    heavy: bool = False
    """Whether it is a READ that may take long; a look at the schema is not."""
    grows: bool = False
    """Whether it adds data or definitions; what deletes, alters or reads may run on a full disk."""


def classify(source: bytes) -> Statement:
    """Tell what the statement at the beginning of ``source`` is.

    Raises
    ------
    Refused
        If the engine must not be given it.
    """
    seen: list[Token] = []
    insert = False
    for token in tokens(source[:MAX_HEAD_BYTES]):
        if not seen:
            insert = token.is_word("INSERT")
        elif seen[-1].kind == "symbol" and seen[-1].text == ";" and seen[-1].depth == 0:
            raise Refused(SYNTAX_ERROR, "Multi-statements are not allowed: send one statement a request")
        if token.kind == "stray":
            raise Refused(
                SYNTAX_ERROR,
                f"{token.text!r} outside quotes: heredocs, typographic quotes and spaces, '//' and nested "
                "comments are not taken here",
            )
        if insert and seen and token.depth == 0 and _ends_head(token, seen):
            if token.is_word("VALUES") and not seen[-1].is_word("FORMAT"):
                _check(seen)
                return Statement(Kind.WRITE, source, None, grows=True)
            _check(seen)
            head = source[: seen[-1].start].rstrip()
            return Statement(Kind.INSERT, head, token.text, _data_start(source, token.end), grows=True)
        seen.append(token)
    if not seen:
        raise Refused(SYNTAX_ERROR, "Empty query")
    if len(source) > MAX_HEAD_BYTES:
        raise Refused(SYNTAX_ERROR, f"Max query size exceeded: a statement may have {MAX_HEAD_BYTES} bytes")
    _check(seen)
    opening = next((t for t in seen if t.text != "("), seen[0])
    kind = Kind.READ if opening.is_word(*_READS) else Kind.WRITE
    heavy = kind is Kind.READ and not opening.is_word(*_LOOKS)
    grows = opening.is_word("ATTACH", "CREATE", "INSERT", "REPLACE")
    return Statement(kind, source, _output_format(seen), heavy=heavy, grows=grows)


def _ends_head(token: Token, seen: Sequence[Token]) -> bool:
    """Whether an INSERT's rows come after this token (a SELECT in it makes it a plain statement)."""
    if token.is_word("VALUES"):
        after = seen[-1].is_word("FORMAT")
        return after or not any(t.depth == 0 and t.is_word("SELECT", "WITH") for t in seen)
    if token.kind != "word" or not seen[-1].is_word("FORMAT"):
        return False
    return not any(t.depth == 0 and t.is_word("SELECT", "WITH") for t in seen)


def _data_start(source: bytes, at: int) -> int:
    """Where the rows begin: after the first newline if only spaces come before it, else after the spaces.

    That is ClickHouse's rule (``ParserInsertQuery``).
    """
    end = at
    while end < len(source) and source[end : end + 1] in (b" ", b"\t", b"\r", b"\f", b"\v"):
        end += 1
    if source[end : end + 1] == b";":
        end += 1
    return end + 1 if source[end : end + 1] == b"\n" else end


def _output_format(seen: Sequence[Token]) -> str | None:
    """Name after the last FORMAT that ends the statement (or is followed by SETTINGS)."""
    for at in range(len(seen) - 2, 0, -1):
        if seen[at].depth == 0 and seen[at].is_word("FORMAT") and seen[at + 1].kind == "word":
            after = seen[at + 2] if at + 2 < len(seen) else None
            if after is None or after.text == ";" or after.is_word("SETTINGS"):
                return seen[at + 1].text
    return None


def _check(seen: Sequence[Token]) -> None:
    first = seen[0]
    if first.is_word(*_SESSION):
        raise Refused(
            NOT_SUPPORTED,
            f"{first.text.upper()} has no effect here, there are no sessions: "
            "give settings and the database with each request",
        )
    second = seen[1] if len(seen) > 1 else first
    if first.is_word("SYSTEM") and second.is_word(*_STOPS):
        raise Refused(NOT_SUPPORTED, f"SYSTEM {second.text.upper()} is left to whoever started this server")
    if first.is_word("ATTACH", "CREATE", "REPLACE"):
        _check_definition(seen)
    in_settings = False
    end = Token("symbol", "", seen[-1].end, seen[-1].end, 0)
    for at, token in enumerate(seen):
        after = seen[at + 1] if at + 1 < len(seen) else end
        in_settings |= token.is_word("SETTINGS", "SETTING")
        if token.kind in ("word", "name"):
            name = unquoted(token)
            _check_call(name, seen[at - 1] if at else end, after)
            if in_settings and after.text == "=" and name.lower() in SQL_SETTINGS:
                raise Refused(
                    NOT_SUPPORTED,
                    f"setting {name} cannot be changed: it names files, holds SQL or changes the parser",
                )
        if (token.is_word("INTO") and after.is_word("OUTFILE")) or (
            token.is_word("FROM") and after.is_word("INFILE")
        ):
            raise Refused(NOT_SUPPORTED, f"{token.text} {after.text}: the server's files are out of reach")


def _check_call(name: str, before: Token, after: Token) -> None:
    """Refuse calls of functions that reach outside, and ``file`` where it may be given to another one."""
    known = name.lower()
    if after.text == "(" and (known in OUTSIDE_FUNCTIONS or known in OUTSIDE_CALLS):
        raise Refused(NOT_SUPPORTED, f"{name}() reaches outside the embedded store")
    given = before.is_word("APPLY") or (before.text in ("(", ",") and after.text in (")", ","))
    if known == "file" and given:
        raise Refused(NOT_SUPPORTED, "file reaches outside the embedded store: write a column as t.file")


def _check_definition(seen: Sequence[Token]) -> None:
    """Refuse temporary tables, dictionaries, and engines that are not known to be safe."""
    if any(t.is_word("TEMPORARY", "TEMP") for t in seen[1:4]):
        raise Refused(NOT_SUPPORTED, "temporary tables would be gone with the request: create a plain one")
    if any(t.is_word("DICTIONARY") for t in seen[1:5]):
        raise Refused(NOT_SUPPORTED, "the embedded store has no dictionaries: their sources hold SQL as text")
    allowed = DATABASE_ENGINES if any(t.is_word("DATABASE") for t in seen[1:4]) else TABLE_ENGINES
    for at, token in enumerate(seen[:-1]):
        following = seen[at + 1]
        if token.depth == 0 and token.is_word("AS") and following.is_word("SELECT", "WITH"):
            return
        if token.depth == 0 and token.is_word("ENGINE"):
            named = seen[at + 2] if following.text == "=" and at + 2 < len(seen) else following
            if unquoted(named) not in allowed:
                raise Refused(
                    NOT_SUPPORTED,
                    f"engine {unquoted(named)} is not supported by the embedded store "
                    f"(supported: {', '.join(sorted(allowed))})",
                )


def stray_definitions(path: Path) -> Iterator[Path]:
    """Table definitions under an engine's directory that it cannot load, and so cannot be opened with."""
    for file in sorted(path.rglob("*.sql")):
        with contextlib.suppress(OSError):
            source = file.read_bytes()
            try:
                classify(source)
            except Refused:
                yield file
