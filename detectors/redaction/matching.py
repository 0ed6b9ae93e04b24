"""RE2 patterns over texts with one byte a character.

Patterns run on bytes in Latin-1, where byte offsets are character offsets; a character outside Latin-1
is ``?`` there. RE2 takes time linear in the text whatever the pattern.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import re2

MASKED = "\x01"
"""Stands for each character of a placeholder of ours: no pattern matches it, nothing may touch it."""

_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_\x01")


class Match(Protocol):
    """What RE2 returns for bytes; offsets are character offsets of the view."""

    def span(self, group: int = 0) -> tuple[int, int]:
        """Offsets of a group, -1 and -1 if it took no part."""

    def start(self, group: int = 0) -> int:
        """Where a group begins."""

    def end(self, group: int = 0) -> int:
        """Where a group ends."""

    def group(self, group: int = 0) -> bytes:
        """The bytes of a group."""


class Pattern:
    """One compiled pattern; spans are character offsets."""

    __slots__ = ("_regexp",)

    def __init__(self, pattern: str, *, ignore_case: bool = False) -> None:
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.case_sensitive = not ignore_case
        self._regexp: Any = re2.compile(pattern.encode("latin-1"), options)

    def found(self, data: bytes) -> bool:
        """Whether the pattern occurs at all."""
        return self._regexp.search(data) is not None

    def all(self, data: bytes) -> Iterator[Match]:
        """Every match, leftmost first, without overlap."""
        matches: Iterator[Match] = self._regexp.finditer(data)
        return matches

    def first(self, data: bytes, start: int = 0, end: int | None = None) -> Match | None:
        """The first match in ``data[start:end]``, or ``None``."""
        match: Match | None = self._regexp.search(data, start, len(data) if end is None else end)
        return match

    def at(self, data: bytes, start: int, end: int | None = None) -> Match | None:
        """A match that begins exactly at ``start``, or ``None``."""
        match: Match | None = self._regexp.match(data, start, len(data) if end is None else end)
        return match


def one_byte_each(text: str) -> bytes:
    """``text`` with one byte a character; what Latin-1 lacks is ``?``."""
    return text.encode("latin-1", "replace")


def free_before(data: bytes, start: int) -> bool:
    """Whether no letter, digit, underscore or placeholder touches ``start`` from the left."""
    return start == 0 or data[start - 1] not in _WORD


def free_after(data: bytes, end: int) -> bool:
    """Whether no letter, digit, underscore or placeholder touches ``end`` from the right."""
    return end >= len(data) or data[end] not in _WORD
