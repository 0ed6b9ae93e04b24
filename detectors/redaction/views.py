r"""Ways of reading one text in which values are searched, each with its way back to original offsets.

The folded view of a text has full-width letters, the digits of every script, odd blanks and dashes as
ASCII, and no invisible characters. From it the unescaped views follow, one per level of JSON in JSON:
``"{\\"mail\\":\\"bob\\\\u0040example.com\\"}"`` shows the address only on the second. So a value is found
whether the text is JSON, truncated JSON, JSON inside prose or code, and is replaced in place: numbers,
key order and duplicate keys of the JSON around it stay as they were.
"""

from __future__ import annotations

import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import re2

from detectors.redaction.budget import CHARACTERS_FOLDED_PER_US, ESCAPE_US, Meter
from detectors.redaction.matching import Pattern, one_byte_each

MAX_LEVELS = 8
"""Levels of escapes undone; deeper text is searched as it stands on the last one."""

LONG = 16 << 10
"""Texts from here on are read as arrays: below it making them costs more."""

_INVISIBLE = "\u00ad\u034f\u061c\u180e\ufeff" + "".join(
    chr(c) for c in (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070))
)
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"
_BLANKS = "\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_QUOTES = {
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u201e": '"',
    "\u00ab": '"',
    "\u00bb": '"',
}
_NOT_FOLDED = (0xFF02, 0xFF07, 0xFF3C)
"""Full-width quotes and backslash: as ASCII they would mean something in JSON."""
_INVISIBLE_SET = frozenset(_INVISIBLE)
_LAST_DIGIT = 0x1FBF9
"""The last code point that is a decimal digit (Unicode 16)."""


def _folding() -> dict[int, str]:
    table = {c: chr(c - 0xFEE0) for c in range(0xFF01, 0xFF5F) if c not in _NOT_FOLDED}
    table |= {ord(c): "-" for c in _DASHES} | {ord(c): " " for c in _BLANKS}
    table |= {ord(quote): plain for quote, plain in _QUOTES.items()}
    for code in range(0x80, _LAST_DIGIT + 1):
        digit = unicodedata.decimal(chr(code), None)
        if digit is not None:
            table[code] = str(digit)
    return table


_FOLDING = _folding()
_TO_FOLD = re2.compile(f"[{_INVISIBLE}{''.join(map(chr, _FOLDING))}]")
_TO_DROP = re2.compile(f"[{_INVISIBLE}]")

_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", '"': '"', "'": "'"}


class Derivation(Protocol):
    """The way back from a view to its parent."""

    def begin(self, index: int) -> int:
        """Where in the parent the character at ``index`` begins."""

    def end(self, index: int) -> int:
        """Where in the parent the character before ``index`` ends."""


class View:
    """A text derived from another; ``span`` leads back to the original.

    ``data`` is the text with one byte a character, ``meter`` counts what searching it costs.
    """

    __slots__ = ("_derivation", "data", "level", "meter", "parent", "text")

    def __init__(
        self,
        text: str,
        parent: View | None = None,
        how: Derivation | None = None,
        level: int | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.text = text
        self.data = one_byte_each(text)
        self.parent = parent
        self.meter: Meter | None = meter if parent is None else parent.meter
        self.level: int = level if level is not None else 0 if parent is None else parent.level + 1
        self._derivation = how

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original text of characters ``start`` to ``end`` (``start < end``) of this view."""
        if self._derivation is not None:
            start, end = self._derivation.begin(start), self._derivation.end(end)
        return (start, end) if self.parent is None else self.parent.span(start, end)

    @property
    def origin(self) -> View:
        """The view of the whole chain that no other view precedes."""
        return self if self.parent is None else self.parent.origin


def spend(view: View, us: int) -> None:
    """Take what something costs from the meter of a view, if it has one."""
    if view.meter is not None:
        view.meter.spend(us)


def folded(text: str, meter: Meter | None = None) -> View:
    """The first view of ``text``."""
    return _folded(text, None, None, meter)


def _folded(text: str, parent: View | None, how: Derivation | None, meter: Meter | None = None) -> View:
    """A view of ``text`` with letters and digits folded; invisible characters cost a view of their own."""
    if text.isascii():
        return View(text, parent, how, meter=meter)
    encoded = text.encode("utf-8", "surrogatepass")
    if _TO_FOLD.search(encoded) is None:
        return View(text, parent, how, meter=meter)
    meter = meter if parent is None else parent.meter
    if meter is not None:
        meter.spend(len(text) // CHARACTERS_FOLDED_PER_US)
    view = View(text.translate(_FOLDING), parent, how, meter=meter)
    return view if _TO_DROP.search(encoded) is None else _without_invisible(view)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Where the pieces of a view begin: in it (``at``, ascending from 0) and in its parent (``source``).

    Each character of a piece stands for ``step`` of the parent (1 where it is too short), a piece of one
    character for all up to the next piece.
    """

    at: Sequence[int]
    source: Sequence[int]
    step: Sequence[int] = b""

    def begin(self, index: int) -> int:
        """As the protocol's."""
        piece = bisect_right(self.at, index) - 1
        return self.source[piece] + (index - self.at[piece]) * self._step(piece)

    def end(self, index: int) -> int:
        """As the protocol's."""
        at = self.at
        piece = bisect_right(at, index - 1) - 1
        step = self._step(piece)
        if step == 1 and piece + 1 < len(at) and at[piece + 1] - at[piece] == 1:
            return self.source[piece + 1]  # an escape: all of it
        return self.source[piece] + (index - at[piece]) * step

    def _step(self, piece: int) -> int:
        return self.step[piece] if piece < len(self.step) else 1


@dataclass(frozen=True, slots=True)
class _Characters:
    """Where each character of a view begins in its parent, and the parent's end: no gaps between them."""

    source: Sequence[int]

    def begin(self, index: int) -> int:
        """As the protocol's."""
        return self.source[index]

    def end(self, index: int) -> int:
        """As the protocol's."""
        return self.source[index]


def _without_invisible(view: View) -> View:
    text = view.text
    if len(text) >= LONG:
        from detectors.redaction.long_views import visible  # noqa: PLC0415 - numpy

        left, begins, sources = visible(text, _INVISIBLE)
        return View(left, view, _Pieces(begins, sources), view.level)
    pieces: list[str] = []
    at, source = array("q"), array("q")
    size = start = 0
    for index, character in enumerate(text):
        if character in _INVISIBLE_SET:
            if index > start:
                pieces.append(text[start:index])
                at.append(size)
                source.append(start)
                size += index - start
            start = index + 1
    pieces.append(text[start:])
    at.append(size)
    source.append(start)
    return View("".join(pieces), view, _Pieces(at, source), view.level)


def unescaped(view: View) -> View | None:
    r"""The view with one level of ``\n``, ``\"``, ``\/``, ``\\``, ``\u0040`` and ``\x40`` undone.

    ``None`` where there is nothing to undo or the last level is reached.
    """
    if "\\" not in view.text or view.level >= MAX_LEVELS:
        return None
    if len(view.data) >= LONG:
        from detectors.redaction.long_views import undone  # noqa: PLC0415 - numpy: for long texts alone

        found = undone(view.text, view.data, _SIMPLE_ESCAPES, view.meter)
        return None if found is None else _folded(found[0], view, _Characters(found[1]))
    reader = _Unescaper(view)
    reader.read()
    if not reader.undone:
        return None
    return _folded("".join(reader.pieces), view, _Pieces(reader.at, reader.source, reader.step))


_BACKSLASH = ord("\\")
_BACKSLASHES = Pattern(r"\\+")


class _Unescaper:
    """One pass over a text, collecting pieces and where each came from."""

    def __init__(self, view: View) -> None:
        self._text = view.text
        self._data = view.data
        self._meter = view.meter
        self.pieces: list[str] = []
        self.at = array("q")
        self.source = array("q")
        self.step = bytearray()
        self.undone = False
        self._read = 0  # characters of the text consumed
        self._size = 0  # characters of the view made
        self._high = False  # the last piece is the first half of a pair of surrogates, undone

    def _add(self, piece: str, width: int, step: int = 1) -> None:
        """Append ``piece``, which stands for the next ``width`` characters, ``step`` for each of its own."""
        if piece:
            self.at.append(self._size)
            self.source.append(self._read)
            self.step.append(step)
            self.pieces.append(piece)
            self._size += len(piece)
            self._high = False
        self._read += width

    def read(self) -> None:
        text, data, meter, length = self._text, self._data, self._meter, len(self._text)
        start = data.find(_BACKSLASH)
        while start >= 0:
            if meter is not None:
                meter.spend(ESCAPE_US)
            if start > self._read:
                self._add(text[self._read : start], start - self._read)
            end = start + 1
            if end < length and data[end] == _BACKSLASH:
                end = self._end_of_pairs(start)
            if end < length and (end - start) & 1:
                character, width = _escape(text[end : end + 5])
                self.undone |= width > 1
                self._emit(character, width)
            start = data.find(_BACKSLASH, max(end, self._read))
        self._add(text[self._read :], len(text) - self._read)
        self.at.append(self._size)
        self.source.append(self._read)

    def _end_of_pairs(self, start: int) -> int:
        """End of the run of two or more backslashes at ``start``, whose pairs are undone."""
        run = _BACKSLASHES.at(self._data, start)
        end = start + 2 if run is None else run.end()
        pairs = (end - start) // 2
        self._add("\\" * pairs, 2 * pairs, 2)
        self.undone = True
        return end

    def _emit(self, character: str, width: int) -> None:
        if self._high and "\udc00" <= character <= "\udfff":
            high = ord(self.pieces[-1]) - 0xD800
            self.pieces[-1] = chr(0x10000 + (high << 10) + ord(character) - 0xDC00)
            self._read += width
            self._high = False
            return
        self._add(character, width)
        self._high = "\ud800" <= character <= "\udbff"


def _escape(part: str) -> tuple[str, int]:
    r"""Character for the escape that ``part`` begins with (after its backslash), and its width with it."""
    kind = part[0]
    simple = _SIMPLE_ESCAPES.get(kind)
    if simple is not None:
        return simple, 2
    digits = 4 if kind == "u" else 2 if kind == "x" else 0
    if digits:
        hexadecimal = part[1 : 1 + digits]
        if len(hexadecimal) == digits and _HEXADECIMAL.issuperset(hexadecimal):
            return chr(int(hexadecimal, 16)), 2 + digits
    return "\\", 1
