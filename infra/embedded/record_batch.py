"""Kafka record batches (magic 2): many small ones made into one.

Source: Kafka documentation, "Implementation: Message Format". Offsets, times, keys, values and headers of
every record stay as they are; only the deltas to the batch's base change, and the checksum. A producer's id
and sequence are dropped: they mean something for the batch alone.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import crc32c
import lz4.frame  # type: ignore[import-untyped]
import zstandard

_HEADER = struct.Struct(">qiibIhiqqqhii")
_CHECKED_FROM = 21
"""The checksum covers everything from the attributes on."""

_LENGTH_FROM = 12
_MAGIC = 2
_NO_PRODUCER = (-1, -1, -1)

NONE, GZIP, LZ4, ZSTD = 0, 1, 3, 4
"""Compression in the attributes. Snappy (2) is left alone."""

MAX_RECORDS_BYTES = 64 << 20


class Unmergeable(Exception):
    """A batch is not one that may be changed: damaged, transactional, or of a kind we do not know."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: ``records`` are decompressed, times in milliseconds, ``offset`` is its first record's."""

    offset: int
    last_offset: int
    compression: int
    base_ms: int
    max_ms: int
    count: int
    records: bytes


def last_offset(offset: int, data: bytes) -> int:
    """Offset of a stored batch's last record, from its header.

    Raises
    ------
    Unmergeable
        If the header cannot be read.
    """
    return offset + _header(data)[6]


def parse(offset: int, data: bytes) -> Batch:
    """Read a stored batch whose first record has ``offset``.

    Raises
    ------
    Unmergeable
        See the class.
    """
    header = _header(data)
    _, length, _, _, checksum, attributes, last_delta, base_ms, max_ms, *_, count = header
    if length != len(data) - _LENGTH_FROM or crc32c.crc32c(data[_CHECKED_FROM:]) != checksum:
        raise Unmergeable("it is cut short or damaged")
    if attributes & ~0x7:
        raise Unmergeable(f"its attributes are {attributes:#x}")
    records = _decompressed(attributes, data[_HEADER.size :])
    return Batch(offset, offset + last_delta, attributes, base_ms, max_ms, count, records)


def merge(batches: Sequence[Batch]) -> bytes:
    """One batch of all records of ``batches``, which are in offset order.

    It is compressed like the first of them that is: consumers of the topic can read that. (Producers leave
    batches plain that compression would not make smaller.)

    Raises
    ------
    Unmergeable
        If they overlap, or a record cannot be read.
    """
    first = batches[0]
    out = bytearray()
    expected = first.offset
    for batch in batches:
        if batch.offset < expected:
            raise Unmergeable("batches overlap")
        expected = batch.last_offset + 1
        _rebase(batch, out, batch.offset - first.offset, batch.base_ms - first.base_ms)
    compression = next((b.compression for b in batches if b.compression), NONE)
    body = _compressed(compression, bytes(out))
    rest = struct.pack(
        ">hiqqqhii",
        compression,
        batches[-1].last_offset - first.offset,
        first.base_ms,
        max(b.max_ms for b in batches),
        *_NO_PRODUCER,
        sum(b.count for b in batches),
    )
    length = _HEADER.size + len(body) - _LENGTH_FROM
    return struct.pack(">qiibI", 0, length, 0, _MAGIC, crc32c.crc32c(rest + body)) + rest + body


def _header(data: bytes) -> tuple[int, ...]:
    if len(data) < _HEADER.size:
        raise Unmergeable("it is shorter than a header")
    header = _HEADER.unpack_from(data)
    if header[3] != _MAGIC:
        raise Unmergeable(f"its format is {header[3]}")
    return header


def _rebase(batch: Batch, out: bytearray, offset_shift: int, time_shift: int) -> None:
    """Append the batch's records with their deltas shifted."""
    records = batch.records
    at = 0
    for _ in range(batch.count):
        length, at = _varint(records, at)
        end = at + length
        if length < 3 or end > len(records):
            raise Unmergeable("a record is cut short")
        attributes = records[at : at + 1]
        time_delta, at = _varint(records, at + 1)
        offset_delta, at = _varint(records, at)
        head = attributes + _zigzag(time_delta + time_shift) + _zigzag(offset_delta + offset_shift)
        out += _zigzag(len(head) + end - at)
        out += head
        out += records[at:end]
        at = end
    if at != len(records):
        raise Unmergeable("it has more bytes than records")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Zig-zag variable-length integer at ``at``, and where it ends."""
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
    raise Unmergeable("a number is cut short")


def _zigzag(value: int) -> bytes:
    left = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


def _decompressed(compression: int, body: bytes) -> bytes:
    try:
        if compression == NONE:
            return body
        if compression == GZIP:
            member = zlib.decompressobj(31)
            out = member.decompress(body, MAX_RECORDS_BYTES)
            whole = member.eof
        elif compression == LZ4:
            frame = lz4.frame.LZ4FrameDecompressor()
            out = frame.decompress(body, max_length=MAX_RECORDS_BYTES)
            whole = frame.eof
        elif compression == ZSTD:
            out = zstandard.ZstdDecompressor().decompressobj().decompress(body)
            whole = len(out) <= MAX_RECORDS_BYTES
        else:
            raise Unmergeable(f"its compression is {compression}")
    except (zlib.error, zstandard.ZstdError, RuntimeError, EOFError) as error:
        raise Unmergeable(f"it cannot be decompressed: {error}") from error
    if not whole:
        raise Unmergeable("it is cut short or too large")
    return out


def _compressed(compression: int, records: bytes) -> bytes:
    if compression == GZIP:
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)
        return packer.compress(records) + packer.flush()
    if compression == LZ4:
        return bytes(lz4.frame.compress(records))
    if compression == ZSTD:
        return zstandard.ZstdCompressor().compress(records)
    return records
