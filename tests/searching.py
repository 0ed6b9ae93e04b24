"""Looks for planted values in whatever is at rest, in every form a program would undo.

Each value is searched as it stands and in other encodings, and so are parts of it: half a secret is a leak
too. What is searched is opened first: compressed frames, base64, hexadecimal, escapes and percent signs,
one inside the other.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

import lz4.frame  # type: ignore[import-untyped]
import re2
import zstandard

MAX_DEPTH = 4
_ZSTD, _LZ4 = b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"
MAX_FRAME_BYTES, MAX_OPENED_BYTES = 256 << 20, 1 << 30
PIECE = 64 << 10
WINDOW = 128 << 10
"""Bytes; what is packed as text is shorter."""
PART = 12
"""Characters of a part that is searched by itself; shorter ones could stand somewhere by chance."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A value and the place it was planted in. ``secret`` values may be nowhere, others must be found."""

    place: str
    kind: str
    value: str
    secret: bool = True
    whole: bool = False
    """Whether parts of it may be found (it was sent in parts)."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A planted value that was found, where, and in which form."""

    planted: Planted
    where: str
    form: str


def forms(planted: Planted) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of what is searched for."""
    value = planted.value
    yield from _text_forms(value)
    if value.lower() != value:
        yield "lower case", value.lower().encode()
    if value.upper() != value:
        yield "upper case", value.upper().encode()
    if not planted.whole and len(value) >= 2 * PART:
        middle = (len(value) - PART) // 2
        for name, at in (("head", 0), ("middle", middle), ("tail", len(value) - PART)):
            part = value[at : at + PART]
            yield f"its {name}", part.encode()
            yield f"its {name} as UTF-16", part.encode("utf-16-le")
    digits = "".join(c for c in value if c.isdigit())
    if planted.kind in ("card", "phone", "us_ssn") and digits != value:
        yield "digits", digits.encode()
    if planted.kind == "card":
        number = int(digits)
        yield "groups", b" ".join(digits[i : i + 4].encode() for i in range(0, len(digits), 4))
        yield "varint", _varint(number)
        for name, layout in (("int", "<q"), ("big-endian int", ">q"), ("double", "<d"), ("BE double", ">d")):
            yield name, struct.pack(layout, number)


def _text_forms(value: str) -> Iterator[tuple[str, bytes]]:
    data = value.encode()
    yield "text", data
    yield "UTF-16", value.encode("utf-16-le")
    yield "big-endian UTF-16", value.encode("utf-16-be")
    yield "hexadecimal", data.hex().encode()
    yield "HEXADECIMAL", data.hex().upper().encode()
    yield "escapes", "".join(f"\\u{ord(c):04x}" for c in value).encode()
    yield "percent", "".join(f"%{b:02X}" for b in data).encode()
    for shift in range(
        3
    ):  # base64 of a longer text, wherever in it the value stands: only whole groups are sure
        first = -shift % 3
        packed = base64.b64encode(data[first : first + (len(data) - first) // 3 * 3])
        yield "base64", packed
        yield "URL base64", packed.replace(b"+", b"-").replace(b"/", b"_")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


class Search:
    """Searches for everything that was planted at once; `hits` holds what was found so far."""

    def __init__(self, planted: Iterable[Planted]) -> None:
        self._known: dict[bytes, list[tuple[Planted, str]]] = {}
        for item in planted:
            for form, data in forms(item):
                self._known.setdefault(data, []).append((item, form))
        self._pattern = _bytes_pattern(map(re2.escape, self._known))
        self._seen: set[tuple[str, str, str, str]] = set()
        self.hits: list[Hit] = []
        self.bytes = 0

    def look(self, where: str, data: bytes, depth: int = 0) -> None:
        """Search ``data`` and what is packed inside of it, in windows that overlap by half.

        A match knows the text it is of, so one in a long text is dear.
        """
        view = memoryview(data)
        for start in range(0, max(len(data), 1), WINDOW):
            window = bytes(view[start : start + 2 * WINDOW])
            self._match(where, window)
            for inner in _opened(window, view[start:]) if depth < MAX_DEPTH else ():
                self.look(where, inner, depth + 1)

    def _match(self, where: str, window: bytes) -> None:
        self.bytes += len(window)
        for match in self._pattern.finditer(window):
            for planted, form in self._known[bytes(match.group())]:
                key = (planted.place, planted.kind, planted.value, where)
                if key not in self._seen:
                    self._seen.add(key)
                    self.hits.append(Hit(planted, where, form))

    def leaks(self) -> list[str]:
        """Secrets that were found, without themselves."""
        found = {(h.planted.place, h.planted.kind, h.where, h.form) for h in self.hits if h.planted.secret}
        return [
            f"{kind} planted in {place} is in {where} as {form}" for place, kind, where, form in sorted(found)
        ]

    def places(self, where: str) -> set[str]:
        """Places whose harmless words were found where the name begins with ``where``."""
        return {h.planted.place for h in self.hits if not h.planted.secret and h.where.startswith(where)}


def _bytes_pattern(patterns: Iterable[bytes]) -> re2._Regexp[bytes]:
    """Alternatives over plain bytes, of which the longest wins."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 1 << 30
    options.longest_match = True
    return re2.compile(b"|".join(patterns), options)


_BETWEEN = b"\xff\x00\xfe\x00"
_FRAMES = _bytes_pattern(
    map(re2.escape, (_ZSTD, _LZ4, b"\x1f\x8b\x08", b"\x78\x01", b"\x78\x9c", b"\x78\xda"))
)
_BASE64 = _bytes_pattern([rb"[A-Za-z0-9+/_-]{24,}"])
_HEX = _bytes_pattern([rb"(?:[0-9a-fA-F]{2}){16,}"])
_ESCAPE = _bytes_pattern([rb"\\+u[0-9a-fA-F]{4}"])


def _opened(window: bytes, rest: memoryview) -> Iterator[bytes]:
    """What is packed in ``window``, which ``rest`` begins with and which a compressed frame may go beyond.

    Short pieces of one kind come together, with `_BETWEEN` between them.
    """
    for match in _FRAMES.finditer(window):
        if match.start() >= WINDOW:
            break  # the next window's
        inner = _decompressed(rest[match.start() : match.start() + MAX_FRAME_BYTES])
        if inner:
            yield inner
    pieces = []
    for match in _BASE64.finditer(window):
        run = bytes(match.group()).replace(b"-", b"+").replace(b"_", b"/")
        with contextlib.suppress(binascii.Error):
            pieces.append(base64.b64decode(run + b"=" * (-len(run) % 4)))
    if pieces:
        yield _BETWEEN.join(pieces)
    pieces = [binascii.unhexlify(match.group()) for match in _HEX.finditer(window)]
    if pieces:
        yield _BETWEEN.join(pieces)
    if _ESCAPE.search(window):
        yield _ESCAPE.sub(_unescaped, window)
    if b"%" in window:
        plain = unquote_to_bytes(window)
        if plain != window:
            yield plain


def _unescaped(match: re2._Match[bytes]) -> bytes:
    return chr(int(match.group()[-4:], 16)).encode("utf-8", "surrogatepass")


def _decompressed(data: memoryview) -> bytes:
    """What a frame at the beginning of ``data`` holds, as far as it can be read; nothing if it is none."""
    decompressor = _decompressor(bytes(data[:4]))
    out = bytearray()
    with contextlib.suppress(zstandard.ZstdError, zlib.error, RuntimeError, EOFError):
        for start in range(0, len(data), PIECE):  # each keeps a copy of what it was given beyond its end
            out += decompressor.decompress(bytes(data[start : start + PIECE]))
            if decompressor.eof or len(out) >= MAX_OPENED_BYTES:
                break
    return bytes(out)


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def _decompressor(head: bytes) -> _Decompressor:
    """Of the kind of frame that begins so."""
    made: Any
    if head == _ZSTD:
        made = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()
    elif head == _LZ4:
        made = lz4.frame.LZ4FrameDecompressor()
    else:
        made = zlib.decompressobj(47)
    return made  # type: ignore[no-any-return]
