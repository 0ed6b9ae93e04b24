r"""Ways of reading one text in which values are searched, each with its way back to original offsets.

The folded view of a text has full-width letters, the digits of every script, odd blanks and dashes as
ASCII, and no invisible characters. From it the unescaped views follow, one per level of JSON in JSON:
``"{\\"mail\\":\\"bob\\\\u0040example.com\\"}"`` shows the address only on the second. So a value is found
whether the text is JSON, truncated JSON, JSON inside prose or code, and is replaced in place: numbers,
key order and duplicate keys of the JSON around it stay as they were.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right

import re2

from detectors.redaction.matching import one_byte_each

MAX_LEVELS = 8
"""Levels of escapes undone; deeper text is searched as it stands on the last one."""

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

_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", '"': '"', "'": "'"}


class View:
    """A text derived from another; ``span`` leads back to the original.

    ``data`` is the text with one byte a character.
    """

    __slots__ = ("_at", "_from", "data", "level", "parent", "text")

    def __init__(
        self,
        text: str,
        parent: View | None = None,
        at: list[int] | None = None,
        source: list[int] | None = None,
        level: int | None = None,
    ) -> None:
        self.text = text
        self.data = one_byte_each(text)
        self.parent = parent
        self.level: int = level if level is not None else 0 if parent is None else parent.level + 1
        self._at = at
        self._from = source

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original text of characters ``start`` to ``end`` (``start < end``) of this view."""
        if self._at is not None:
            start, end = self._source(start), self._source_end(end)
        return (start, end) if self.parent is None else self.parent.span(start, end)

    @property
    def origin(self) -> View:
        """The view of the whole chain that no other view precedes."""
        return self if self.parent is None else self.parent.origin

    def _source(self, index: int) -> int:
        at, source = self._at or [0], self._from or [0]
        segment = bisect_right(at, index) - 1
        return source[segment] + index - at[segment]

    def _source_end(self, index: int) -> int:
        """End in the parent of the character before ``index``."""
        at, source = self._at or [0], self._from or [0]
        segment = bisect_right(at, index - 1) - 1
        if segment + 1 < len(at) and at[segment + 1] - at[segment] == 1:
            return source[segment + 1]  # an escape: all of it
        return source[segment] + index - at[segment]


def folded(text: str) -> View:
    """The first view of ``text``."""
    return _folded(text, None, None, None)


def _folded(text: str, parent: View | None, at: list[int] | None, source: list[int] | None) -> View:
    """A view of ``text`` with letters and digits folded; invisible characters cost a view of their own."""
    if text.isascii():
        return View(text, parent, at, source)
    encoded = text.encode("utf-8", "surrogatepass")
    if _TO_FOLD.search(encoded) is None:
        return View(text, parent, at, source)
    view = View(text.translate(_FOLDING), parent, at, source)
    return view if _TO_DROP.search(encoded) is None else _without_invisible(view)


def _without_invisible(view: View) -> View:
    text = view.text
    pieces: list[str] = []
    at, source = [], []
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
    return View("".join(pieces), view, at, source, view.level)


def unescaped(view: View) -> View | None:
    r"""The view with one level of ``\n``, ``\"``, ``\/``, ``\\``, ``\u0040`` and ``\x40`` undone.

    ``None`` where there is nothing to undo or the last level is reached.
    """
    if "\\" not in view.text or view.level >= MAX_LEVELS:
        return None
    reader = _Unescaper(view.text)
    reader.read()
    if not reader.undone:
        return None
    return _folded("".join(reader.pieces), view, reader.at, reader.source)


class _Unescaper:
    """One pass over a text, collecting pieces and where each came from."""

    def __init__(self, text: str) -> None:
        self.parts = text.split("\\")
        self.pieces: list[str] = []
        self.at: list[int] = []
        self.source: list[int] = []
        self.undone = False
        self._read = 0  # characters of the text consumed
        self._size = 0  # characters of the view made

    def _add(self, piece: str, width: int) -> None:
        """Append ``piece``, which stands for the next ``width`` characters of the text."""
        if piece:
            self.at.append(self._size)
            self.source.append(self._read)
            self.pieces.append(piece)
            self._size += len(piece)
        self._read += width

    def read(self) -> None:
        parts = self.parts
        self._add(parts[0], len(parts[0]))
        index = 1
        while index < len(parts):
            part = parts[index]
            if part:
                character, width = _escape(part)
                self.undone |= width > 1
                self._emit(character, width)
                self._add(part[width - 1 :], len(part) - width + 1)
            elif index + 1 < len(parts):
                self._emit("\\", 2)
                self.undone = True
                index += 1
                self._add(parts[index], len(parts[index]))
            else:
                self._add("\\", 1)
            index += 1
        self.at.append(self._size)
        self.source.append(self._read)

    def _emit(self, character: str, width: int) -> None:
        if self.pieces and "\udc00" <= character <= "\udfff" and "\ud800" <= self.pieces[-1] <= "\udbff":
            high = ord(self.pieces[-1]) - 0xD800
            self.pieces[-1] = chr(0x10000 + (high << 10) + ord(character) - 0xDC00)
            self._read += width
            return
        self._add(character, width)


def _escape(part: str) -> tuple[str, int]:
    r"""Character for the escape that ``part`` begins with (after its backslash), and its width with it."""
    kind = part[0]
    simple = _SIMPLE_ESCAPES.get(kind)
    if simple is not None:
        return simple, 2
    digits = 4 if kind == "u" else 2 if kind == "x" else 0
    if digits:
        hexadecimal = part[1 : 1 + digits]
        if len(hexadecimal) == digits and all(c in "0123456789abcdefABCDEF" for c in hexadecimal):
            return chr(int(hexadecimal, 16)), 2 + digits
    return "\\", 1
