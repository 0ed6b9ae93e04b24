"""Tokens of ClickHouse SQL, as far as statements must be told apart.

One pass over bytes, lazily, so that the data of an INSERT is never looked at, and linear: every quantifier is
possessive, so nothing is tried twice. Quotes, escapes and comments are as in ClickHouse's own lexer
(``src/Parsers/Lexer.cpp``); heredocs are not known, so a statement with one may be refused for what is inside
it. What is opened and not closed goes to the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"(?P<space>\s++|--[^\n]*+|\#[! ][^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?)"
    rb"|(?P<string>'(?:[^'\\]|\\.|'')*+'?)"
    rb"|(?P<name>`(?:[^`\\]|\\.|``)*+`?|\"(?:[^\"\\]|\\.|\"\")*+\"?)"
    rb"|(?P<word>[A-Za-z_][A-Za-z0-9_]*+)"
    rb"|(?P<number>[0-9][A-Za-z0-9_.]*+)"
    rb"|(?P<symbol>.)",
    re.DOTALL,
)


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
    """The identifier a word or a quoted name stands for (escapes left as they are)."""
    return token.text[1:-1] if token.kind == "name" else token.text
