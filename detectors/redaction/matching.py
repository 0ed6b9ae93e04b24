"""RE2 patterns over texts with one byte a character.

Patterns run on bytes in Latin-1, where byte offsets are character offsets; a character outside Latin-1
is ``?`` there. RE2 takes time linear in the text whatever the pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import re2

from detectors.redaction.budget import CANDIDATE_US, Meter

MASKED = "\x01"
"""Stands for each character of a placeholder of ours: no pattern matches it, nothing may touch it."""

_ANYWHERE = re2._Anchor.UNANCHORED  # noqa: SLF001 - see Pattern
_HERE = re2._Anchor.ANCHOR_START  # noqa: SLF001
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_\x01")


FREE = r"(?:^|[^A-Za-z0-9_\x01])"
"""The beginning of a text, or a character after which `free_before` holds."""


class Match:
    """One match; offsets are character offsets of the view."""

    __slots__ = ("_data", "_spans")

    def __init__(self, data: bytes, spans: Sequence[tuple[int, int]]) -> None:
        self._data = data
        self._spans = spans

    def span(self, group: int = 0) -> tuple[int, int]:
        """Offsets of a group, -1 and -1 if it took no part."""
        return self._spans[group]

    def start(self, group: int = 0) -> int:
        """Where a group begins."""
        return self._spans[group][0]

    def end(self, group: int = 0) -> int:
        """Where a group ends."""
        return self._spans[group][1]

    def group(self, group: int = 0) -> bytes:
        """The bytes of a group."""
        start, end = self._spans[group]
        return self._data[start:end]


class Pattern:
    """One compiled pattern; spans are character offsets.

    RE2's own object is called, past what its package wraps around it: the wrapping costs more than a search
    of a short text, and one span of telemetry takes some hundred.
    """

    __slots__ = ("_match",)

    def __init__(self, pattern: str, *, ignore_case: bool = False) -> None:
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.case_sensitive = not ignore_case
        compiled: Any = re2.compile(pattern.encode("latin-1"), options)
        self._match: Callable[..., Sequence[tuple[int, int]]] = compiled._regexp.Match  # noqa: SLF001

    def found(self, data: bytes) -> bool:
        """Whether the pattern occurs at all."""
        return self._match(_ANYWHERE, data, 0, len(data))[0][0] >= 0

    def all(self, data: bytes, meter: Meter | None = None, cost_us: int = CANDIDATE_US) -> Iterator[Match]:
        """Every match, leftmost first, without overlap; each costs ``cost_us`` of ``meter``."""
        at, size, match = 0, len(data), self._match
        while at <= size:
            spans = match(_ANYWHERE, data, at, size)
            start, end = spans[0]
            if start < 0:
                return
            if meter is not None:
                meter.spend(cost_us)
            yield Match(data, spans)
            at = end if end > at else at + 1

    def first(self, data: bytes, start: int = 0, end: int | None = None) -> Match | None:
        """The first match in ``data[start:end]``, or ``None``."""
        return self._one(_ANYWHERE, data, start, end)

    def at(self, data: bytes, start: int, end: int | None = None) -> Match | None:
        """A match that begins exactly at ``start``, or ``None``."""
        return self._one(_HERE, data, start, end)

    def _one(self, anchor: Any, data: bytes, start: int, end: int | None) -> Match | None:
        spans = self._match(anchor, data, start, len(data) if end is None else end)
        return Match(data, spans) if spans[0][0] >= 0 else None


class Words:
    """A pattern over texts in any script, of which it only matters whether it occurs."""

    __slots__ = ("_match",)

    def __init__(self, pattern: str) -> None:
        compiled: Any = re2.compile(pattern)
        self._match: Callable[..., Sequence[tuple[int, int]]] = compiled._regexp.Match  # noqa: SLF001

    def found(self, text: str) -> bool:
        """Whether the pattern occurs; lone surrogates are question marks."""
        data = text.encode("utf-8", "replace")
        return self._match(_ANYWHERE, data, 0, len(data))[0][0] >= 0


def one_byte_each(text: str) -> bytes:
    """``text`` with one byte a character; what Latin-1 lacks is ``?``."""
    return text.encode("latin-1", "replace")


def free_before(data: bytes, start: int) -> bool:
    """Whether no letter, digit, underscore or placeholder touches ``start`` from the left."""
    return start == 0 or data[start - 1] not in _WORD


def free_after(data: bytes, end: int) -> bool:
    """Whether no letter, digit, underscore or placeholder touches ``end`` from the right."""
    return end >= len(data) or data[end] not in _WORD
