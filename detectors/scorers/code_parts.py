"""The code in an answer: what stands in fences, or all of an answer that is nothing but code."""

from __future__ import annotations

import re

FENCE = "```"
LEAST_CHARACTERS = 24
"""Shorter pieces are names and commands, which say nothing about how code is written."""

_LEAST_LINES = 2
_CODE_SHARE = 0.5
"""Of the lines of an answer without fences, from which on it counts as code."""
_MOST_LINES = 60
_MARKS = ("(", "{", "=", "<", "@")
"""One of them stands in all code; verses and lists have none."""

_NOT_CODE = frozenset((
    "", "text", "txt", "plaintext", "markdown", "md", "json", "yaml", "yml",
    "toml", "csv", "xml", "output", "log", "diff", "mermaid",
))  # fmt: skip
_STARTS = re.compile(
    r"\s*(?:#include\b|#define\b|<\?php|@\w+|//|/\*|\*/|def |class |import |from \w[\w.]* import|function\b"
    r"|const |let |var |val |fn |func |pub |use |package |using |namespace |public |private |protected "
    r"|static |return\b|elif |else:|try:|except\b|for ?\(|while ?\(|if ?\(|switch ?\(|print\("
    r"|SELECT |INSERT |UPDATE |DELETE |CREATE |ALTER |DROP |EXEC )"
)
_ENDS = (";", "{", "}", "};", ");", "})", "),", "):", "(", ",", "->", "*/", "]")


def code_in(answer: str) -> list[str]:
    """Pieces of code in ``answer``; empty if it has none."""
    if FENCE in answer:
        return [piece for piece in map(_fenced, answer.split(FENCE)[1::2]) if piece]
    return [answer] if len(answer) >= LEAST_CHARACTERS and _is_code(answer) else []


def _fenced(piece: str) -> str:
    """The code of one fence without its first line, which names the language; empty for data and text."""
    language, _, code = piece.partition("\n")
    word = language.strip().lower()
    if word in _NOT_CODE and (word or not _is_code(code)):
        return ""
    return code if len(code) >= LEAST_CHARACTERS else ""


def _is_code(text: str) -> bool:
    """Whether most lines read like a programming language: by how they begin and end."""
    lines = [line for line in text.split("\n", _MOST_LINES)[:_MOST_LINES] if line and not line.isspace()]
    if len(lines) < _LEAST_LINES:
        return False
    alike = sum(
        1
        for line in lines
        if line.rstrip().endswith(_ENDS) or line[0] in " \t" or _STARTS.match(line) is not None
    )
    return alike >= _CODE_SHARE * len(lines) and any(mark in text for mark in _MARKS)
