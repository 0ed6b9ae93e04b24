"""The rows of an INSERT go to a table in memory first, and from there to their table by a second statement.

chDB's streamed INSERT reports what its format cannot parse, and nothing else: measured with 26.9, a full disk
(243), too many parts (252) and a violated constraint (469) all end in a success that stored nothing. The
error of an ``INSERT … SELECT`` is reported as it should be, so that is what reaches a table that lasts.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from infra.embedded.clickhouse_lexer import Token, tokens
from infra.embedded.clickhouse_statement import NOT_SUPPORTED, SYNTAX_ERROR, Refused


@dataclass(frozen=True, slots=True)
class Staged:
    """The three statements of a staged INSERT, in order.

    ``create`` makes the table in memory, the rows are streamed into ``fill``, ``copy`` stores them.
    """

    create: str
    fill: bytes
    copy: bytes
    count: str
    """How many rows the table in memory has."""


def staged(head: bytes) -> Staged:
    """Take an INSERT apart.

    Parameters
    ----------
    head
        ``INSERT INTO [TABLE] name [(columns)] [SETTINGS …]``, without FORMAT and rows.

    Raises
    ------
    Refused
        If the rows are for a table function, or the statement names no table.
    """
    seen = list(tokens(head))
    at = 1 + sum(1 for t in seen[1:3] if t.is_word("INTO", "TABLE"))
    if at < len(seen) and seen[at].is_word("FUNCTION"):
        raise Refused(NOT_SUPPORTED, "rows cannot be inserted into a table function here: name a table")
    stop = _end_of_name(seen, at)
    if stop == at:
        raise Refused(SYNTAX_ERROR, "INSERT names no table")
    target = head[seen[at].start : seen[stop - 1].end].decode("utf-8", "surrogateescape")
    columns = _columns(head, seen, stop)
    rows = f"lightship_rows_{secrets.token_hex(8)}"
    listed = b" (" + columns + b")" if columns else b""
    return Staged(
        create=f"CREATE TEMPORARY TABLE {rows} AS {target} ENGINE = Memory",
        fill=b"INSERT INTO " + rows.encode() + listed,
        copy=head + b" SELECT " + (columns or b"*") + b" FROM " + rows.encode(),
        count=f"SELECT count() FROM {rows}",  # noqa: S608 - a name of our own
    )


def _end_of_name(seen: list[Token], at: int) -> int:
    """Index behind ``name`` or ``database.name``."""
    if at >= len(seen) or seen[at].kind not in ("word", "name"):
        return at
    if at + 2 < len(seen) and seen[at + 1].text == "." and seen[at + 2].kind in ("word", "name"):
        return at + 3
    return at + 1


def _columns(head: bytes, seen: list[Token], at: int) -> bytes:
    """What stands in the brackets behind the name of the table; empty if there are none."""
    if at >= len(seen) or seen[at].text != "(":
        return b""
    closing = next((t for t in seen[at + 1 :] if t.text == ")" and t.depth == seen[at].depth), None)
    if closing is None:
        raise Refused(SYNTAX_ERROR, "the list of columns is not closed")
    return head[seen[at].end : closing.start].strip()
