"""Undoing the Content-Encoding of a request body, with a bound on what comes out."""

from __future__ import annotations

import io
import zlib

import lz4.frame  # type: ignore[import-untyped]
import zstandard


class BadEncoding(ValueError):
    """The body is not what its Content-Encoding says, or is larger than allowed; the message says which."""


def decoded(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """The body as it was before compression (``identity``, ``gzip``, ``deflate``, ``lz4``, ``zstd``).

    Several frames or members in a row are one body.

    Raises
    ------
    BadEncoding
        If the encoding is not known, the body is damaged or cut short, or more than ``limit_bytes`` come out.
    """
    kind = encoding.strip().lower()
    try:
        if kind in ("", "identity"):
            out = body
        elif kind == "zstd":
            reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(body), read_across_frames=True)
            out = reader.read(limit_bytes + 1)
        elif kind == "lz4":
            out = _frames_lz4(body, limit_bytes + 1)
        elif kind in ("gzip", "deflate"):
            out = _members_zlib(body, 31 if kind == "gzip" else 15, limit_bytes + 1)
        else:
            raise BadEncoding(
                f"Content-Encoding {encoding!r} is not supported: use lz4, zstd, gzip or deflate"
            )
    except (zlib.error, zstandard.ZstdError, RuntimeError, EOFError) as error:
        raise BadEncoding(f"the body is not valid {kind}: {error}") from error
    if len(out) > limit_bytes:
        raise BadEncoding(f"the body is larger than {limit_bytes} bytes once it is decompressed")
    return out


def _frames_lz4(body: bytes, limit_bytes: int) -> bytes:
    out = bytearray()
    rest = body
    while rest and len(out) < limit_bytes:
        frame = lz4.frame.LZ4FrameDecompressor()
        out += frame.decompress(rest, max_length=limit_bytes - len(out))
        if not frame.eof and len(out) < limit_bytes:
            raise EOFError("it ends within a frame")
        rest = frame.unused_data or b""
    return bytes(out)


def _members_zlib(body: bytes, window_bits: int, limit_bytes: int) -> bytes:
    out = bytearray()
    rest = body
    while rest and len(out) < limit_bytes:
        member = zlib.decompressobj(window_bits)
        out += member.decompress(rest, limit_bytes - len(out))
        if not member.eof and len(out) < limit_bytes:
            raise EOFError("it ends within a member")
        rest = member.unused_data
    return bytes(out)
