"""The features of all learned scorers: hashed byte 3-, 4- and 6-grams of a batch of texts, in one pass.

A text is read in lower case as UTF-8 between zero bytes, so that its beginning and end are grams, too. Each
gram falls into one of `BUCKETS` buckets; what a head makes of a text is the sum of its weights there, over
the square root of the number of grams. Sums are of whole numbers: a text has the same sum in every batch and
on every machine.

Eight heads of one byte each share a row of eight bytes, so that one gather reads them all, and the sums are
taken eight heads at a time (two sets of four 16-bit lanes in a 64-bit word). Where many lanes are wanted of
every text, 4-grams alone tell nearly as much as all three, at a third of the cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

BITS = 18
BUCKETS = 1 << BITS
LANES = 8
"""Heads that share a table."""

GRAMS = 3
"""Grams that begin at each byte."""

ALL_GRAMS = slice(0, GRAMS)
FOURS = slice(1, 2)
"""The 4-grams among them."""

EDGE = 5
"""Zero bytes before each text and after the last: one less than the longest gram."""

OFFSET = 128
"""Added to a weight where it is stored, so that lanes never borrow from each other."""

_CHUNK_BYTES = 1 << 15
"""Bytes hashed at a time: what is computed of them stays in the cache."""

_ROW = 256
"""Words whose bytes can be added in a 16-bit lane: 256 * 255 < 65,536."""

_LOW = np.uint64(0x00FF00FF00FF00FF)
_EIGHT = np.uint64(8)
_SHIFT = np.uint32(32 - BITS)
_THREE = np.uint32(0xFFFFFF)
_M3, _M4, _M6, _M6_TAIL = (np.uint32(m) for m in (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F))

Buckets = npt.NDArray[np.uint32]


def encoded(text: str) -> bytes:
    """``text`` as it is hashed."""
    return text.lower().encode("utf-8", "replace")


def hashed(data: bytes) -> Buckets:
    """Buckets of the grams that begin at each byte of ``data`` but the last `EDGE`, shape ``[GRAMS, n]``."""
    n = max(len(data) - EDGE, 0)
    out = np.empty((GRAMS, n), dtype=np.uint32)
    if n:
        # four bytes from every byte on, as one number each
        fours: npt.NDArray[np.uint32] = np.ndarray((n + 2,), dtype="<u4", buffer=data, strides=(1,)).astype(
            np.uint32
        )
        first = fours[:n]
        np.multiply(first & _THREE, _M3, out=out[0])
        np.multiply(first, _M4, out=out[1])
        np.multiply(first, _M6, out=out[2])
        out[2] ^= fours[2:] * _M6_TAIL
        out[2] ^= out[2] >> np.uint32(15)
        out[2] *= _M3
        out >>= _SHIFT
    return out


def packed(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.uint64]:
    """A table of one 64-bit row a bucket from weights of shape ``[LANES, buckets]``.

    ``buckets`` is `BUCKETS`, or a smaller power of two into which those are folded.

    Raises
    ------
    ValueError
        For another shape.
    """
    buckets = weights.shape[-1]
    if weights.shape != (LANES, buckets) or buckets > BUCKETS or buckets.bit_count() != 1:
        raise ValueError(f"weights have shape {weights.shape}, expected {LANES} by a power of two")
    lanes = (weights.astype(np.int16) + OFFSET).astype(np.uint8)
    return np.ascontiguousarray(lanes.T).view("<u8").reshape(buckets).astype(np.uint64)


def sums(
    texts: Sequence[str], *tables: npt.NDArray[np.uint64], grams: slice = ALL_GRAMS
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Sums of weights of each text, shape ``[len(texts), LANES * len(tables)]``, and the number of its grams.

    ``grams`` says which of them count; all tables have as many buckets.
    """
    all_sums = np.zeros((len(texts), LANES * len(tables)), dtype=np.int64)
    counts = np.zeros(len(texts), dtype=np.int64)
    at = 0
    for datas in _chunks([encoded(text) for text in texts]):
        until = at + len(datas)
        lengths = np.array([len(data) + EDGE for data in datas], dtype=np.int64)
        counts[at:until] = lengths * len(range(GRAMS)[grams])
        all_sums[at:until] = _sums(datas, lengths, tables, grams)
        at = until
    return all_sums, counts


def _chunks(datas: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    begin = size = 0
    for index, data in enumerate(datas):
        size += len(data)
        if size > _CHUNK_BYTES and index > begin:
            yield datas[begin:index]
            begin, size = index, len(data)
    if begin < len(datas):
        yield datas[begin:]


def _sums(
    datas: Sequence[bytes],
    lengths: npt.NDArray[np.int64],
    tables: Sequence[npt.NDArray[np.uint64]],
    grams: slice,
) -> npt.NDArray[np.int64]:
    edge = bytes(EDGE)
    buckets = hashed(edge + edge.join(datas) + edge)[grams]
    if len(tables[0]) < BUCKETS:
        buckets >>= np.uint32(BITS + 1 - len(tables[0]).bit_length())
    starts, owners = _row_starts(lengths)
    out = np.empty((len(starts), len(tables), 4, 2), dtype=np.int64)
    for number, table in enumerate(tables):
        rows = table[buckets]  # [grams, n]
        # the grams of one position: three bytes in a 16-bit lane
        even = (rows & _LOW).sum(axis=0, dtype=np.uint64)
        odd = ((rows >> _EIGHT) & _LOW).sum(axis=0, dtype=np.uint64)
        for side, lanes in enumerate((even, odd)):
            added = np.add.reduceat(lanes, starts)
            out[:, number, :, side] = added.astype("<u8").view("<u2").reshape(-1, 4)
    totals = np.add.reduceat(out.reshape(len(starts), -1), owners, axis=0)
    return totals - OFFSET * len(buckets) * lengths[:, None]


def _row_starts(lengths: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where to begin adding so that no row is longer than lanes allow, and the first row of each text."""
    row = _ROW // GRAMS
    counts = -(-lengths // row)
    owners = np.cumsum(counts) - counts
    begins = np.cumsum(lengths) - lengths
    within = np.arange(counts.sum()) - np.repeat(owners, counts)
    return np.repeat(begins, counts) + row * within, owners
