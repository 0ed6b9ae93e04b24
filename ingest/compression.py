"""Bodies and files back to plain bytes, never more of them than allowed.

gzip and zlib: RFC 1952 and 1950 (``deflate`` in HTTP is the zlib form; bare RFC 1951 is accepted as many
clients send it). zstd: RFC 8878, window of at most 8 MiB as it advises for receivers.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import zstandard

from ingest.errors import BadRecord, TooLarge, UnknownEncoding

_STEP = 256 * 1024
_ZSTD_WINDOW = 8 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZLIB_HEADS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")

ENCODINGS = ("identity", "gzip", "zstd", "deflate")
"""Content encodings that are read; ``none`` and ``x-gzip`` are other spellings."""


def sniff(body: bytes) -> str:
    """Encoding of a file by its first bytes; OTLP in protobuf or JSON never starts like a compressed one."""
    if body[:2] == _GZIP_MAGIC:
        return "gzip"
    if body[:4] == _ZSTD_MAGIC:
        return "zstd"
    return "deflate" if body[:2] in _ZLIB_HEADS else "identity"


Grown = Callable[[int], None]


def decompress(body: bytes, encoding: str, limit: int, grown: Grown | None = None) -> bytes:
    """Plain bytes of ``body``; ``encoding`` as in the HTTP header, ``limit`` in bytes of the result.

    Memory stays below twice the limit whatever the compression ratio. ``grown`` is called with the bytes of
    each piece as it comes, and may raise to end it there.

    Raises
    ------
    TooLarge
        If the result is longer than ``limit``.
    UnknownEncoding
        If the encoding is none of `ENCODINGS`.
    BadRecord
        If the bytes are not what the encoding says, or end early.
    """
    match encoding.strip().lower():
        case "" | "identity" | "none":
            out = body
        case "gzip" | "x-gzip":
            out = _inflate(body, 31, limit, grown)
        case "deflate" | "zlib":
            out = _inflate(body, 15 if body[:2] in _ZLIB_HEADS else -15, limit, grown)
        case "zstd":
            out = _unzstd(body, limit, grown)
        case other:
            raise UnknownEncoding(f"content encoding {other[:40]!r} is not one of {', '.join(ENCODINGS)}")
    if len(out) > limit:
        raise TooLarge(f"{len(out)} bytes are over the limit of {limit}: send smaller batches")
    return out


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is over the limit of {limit} bytes when decompressed: send smaller batches")


def _inflate(body: bytes, wbits: int, limit: int, grown: Grown | None) -> bytes:
    """All members of a gzip body, or one zlib stream."""
    parts: list[bytes] = []
    total = 0
    rest = body
    try:
        while rest:
            stream = zlib.decompressobj(wbits)
            while rest and not stream.eof:
                piece = stream.decompress(rest, _STEP)
                rest = stream.unconsumed_tail
                total += len(piece)
                if total > limit:
                    raise _too_large(limit)
                if grown is not None:
                    grown(len(piece))
                parts.append(piece)
            if not stream.eof:
                tail = stream.flush()
                total += len(tail)
                if grown is not None:
                    grown(len(tail))
                parts.append(tail)
                if not stream.eof:
                    raise BadRecord("the compressed body ends early")
            rest = stream.unused_data
    except zlib.error as error:
        raise BadRecord(f"the body does not decompress: {error}") from error
    if total > limit:
        raise _too_large(limit)
    return b"".join(parts)


def _unzstd(body: bytes, limit: int, grown: Grown | None) -> bytes:
    reader = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(
        io.BytesIO(body), read_across_frames=True
    )
    parts: list[bytes] = []
    total = 0
    try:
        while piece := reader.read(_STEP):
            total += len(piece)
            if total > limit:
                raise _too_large(limit)
            if grown is not None:
                grown(len(piece))
            parts.append(piece)
    except zstandard.ZstdError as error:
        raise BadRecord(f"the body does not decompress: {error}") from error
    return b"".join(parts)
