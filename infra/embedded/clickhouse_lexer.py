"""Tokens of ClickHouse SQL, as far as statements must be told apart.

One pass over bytes, lazily, so that the data of an INSERT is never looked at, and linear: every quantifier is
possessive, so nothing is tried twice. Quotes, escapes and comments are as in ClickHouse's own lexer
(``src/Parsers/Lexer.cpp``). What that lexer reads in ways of its own (heredocs, typographic quotes and
spaces, ``//`` and nested comments) is given as ``stray``, so that nothing is hidden from us and read by the
engine. What is opened and not closed goes to the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"(?P<space>\s++|--[^\n]*+|\#[! ][^\n]*+|/\*(?:[^*/]|\*(?!/)|/(?!\*))*+(?:\*/|\Z))"
    rb"|(?P<string>'(?:[^'\\]|\\.|'')*+'?)"
    rb"|(?P<name>`(?:[^`\\]|\\.|``)*+`?|\"(?:[^\"\\]|\\.|\"\")*+\"?)"
    rb"|(?P<word>[A-Za-z_][A-Za-z0-9_]*+)"
    rb"|(?P<number>[0-9][A-Za-z0-9_.]*+)"
    rb"|(?P<stray>//|/\*|[$#\x00-\x1f\x7f-\xff])"
    rb"|(?P<symbol>.)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a statement. ``depth`` counts the brackets it lies in."""

    kind: str
    text: str
    start: int
    end: int
    depth: int

    def is_word(self, *words: str) -> bool:
        """Whether this is one of the (upper-case) bare words."""
        return self.kind == "word" and self.text.upper() in words


def tokens(source: bytes) -> Iterator[Token]:
    """Tokens without spaces and comments, in order."""
    depth = 0
    for match in _TOKEN.finditer(source):
        kind = str(match.lastgroup)
        if kind == "space":
            continue
        text = match.group().decode("latin-1")
        if kind == "symbol" and text in ")]}":
            depth -= 1
        yield Token(kind, text, match.start(), match.end(), depth)
        if kind == "symbol" and text in "([{":
            depth += 1


def unquoted(token: Token) -> str:
    """The identifier a word or a quoted name stands for; of escapes those for letters are resolved."""
    return _ESCAPE.sub(_resolved, token.text[1:-1]) if token.kind == "name" else token.text


def _resolved(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else escape[0]
