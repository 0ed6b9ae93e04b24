"""Merged record batches, read back by two independent Kafka clients."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatch as AioBatch
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.record import MemoryRecords, MemoryRecordsBuilder

from infra.embedded.record_batch import (
    GZIP,
    LZ4,
    NONE,
    ZSTD,
    Batch,
    Unmergeable,
    last_offset,
    merge,
    parse,
)
from tests.at_length import examples

Row = tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]

ROWS = st.lists(
    st.tuples(
        st.integers(0, 2**45),
        st.none() | st.binary(max_size=5),
        st.none() | st.binary(max_size=300),
        st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3)), max_size=2),
    ),
    min_size=1,
    max_size=6,
)
PARTS = st.lists(st.tuples(ROWS, st.integers(0, 3)), min_size=1, max_size=6)


def built(rows: list[Any], compression: int) -> bytes:
    builder = MemoryRecordsBuilder(magic=2, compression_type=compression, batch_size=1 << 20)
    for at_ms, key, value, headers in rows:
        assert builder.append(timestamp=at_ms, key=key, value=value, headers=headers) is not None
    builder.close()
    return bytes(builder.buffer())


def stored(parts: list[tuple[list[Any], int]], compression: int) -> tuple[list[tuple[int, bytes]], list[Row]]:
    """Batches with the offset of each (some offsets are skipped), and every record with its own."""
    offset = 1000
    batches = []
    rows: list[Row] = []
    for part, gap in parts:
        batches.append((offset, built(part, compression)))
        rows += [(offset + i, *row) for i, row in enumerate(part)]
        offset += len(part) + gap
    return batches, rows


def read(offset: int, data: bytes) -> list[Row]:
    """Records as kafka-python sees them, once the broker has put the base offset in."""
    records = MemoryRecords(offset.to_bytes(8, "big") + data[8:])
    out: list[Row] = []
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        out += [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in batch]
    return out


@settings(deadline=None, max_examples=examples(150))
@given(parts=PARTS, compression=st.sampled_from([NONE, GZIP, LZ4, ZSTD]))
def test_a_merged_batch_holds_every_record_as_it_was(
    parts: list[tuple[list[Any], int]], compression: int
) -> None:
    batches, rows = stored(parts, compression)
    merged = merge([parse(offset, data) for offset, data in batches])
    assert read(1000, merged) == rows
    assert last_offset(1000, merged) == rows[-1][0]
    assert parse(1000, merged).max_ms == max(row[1] for row in rows)


@settings(deadline=None, max_examples=examples(50))
@given(parts=PARTS)
def test_the_other_client_reads_the_same(parts: list[tuple[list[Any], int]]) -> None:
    batches, rows = stored(parts, GZIP)
    merged = merge([parse(offset, data) for offset, data in batches])
    batch = AioBatch((1000).to_bytes(8, "big") + merged[8:])
    assert batch.validate_crc()
    assert [(r.offset, r.timestamp, r.key, r.value) for r in batch] == [row[:4] for row in rows]


@settings(deadline=None, max_examples=examples(50))
@given(parts=PARTS, cut=st.integers(1, 5))
def test_merging_in_steps_gives_what_merging_at_once_does(
    parts: list[tuple[list[Any], int]], cut: int
) -> None:
    batches, _ = stored(parts, NONE)
    at_once = merge([parse(offset, data) for offset, data in batches])
    first = [parse(offset, data) for offset, data in batches[:cut]]
    step = merge(first)
    rest = [parse(offset, data) for offset, data in batches[cut:]]
    assert merge([parse(1000, step), *rest]) == at_once


@settings(deadline=None)
@given(rows=ROWS, at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_damaged_batch_is_left_alone(rows: list[Any], at: int, bit: int) -> None:
    data = bytearray(built(rows, NONE))
    where = 8 + at % (len(data) - 8)  # the first eight bytes are the offset, which the key tells
    data[where] ^= 1 << bit
    if where in range(12, 16):
        return  # the leader epoch is of no use here and is not covered by the checksum
    with pytest.raises(Unmergeable):
        parse(0, bytes(data))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_batch_are_left_alone(data: bytes) -> None:
    with pytest.raises(Unmergeable):
        parse(0, data)


def test_a_batch_of_a_transaction_is_left_alone() -> None:
    builder = MemoryRecordsBuilder(
        magic=2,
        compression_type=0,
        batch_size=1 << 20,
        transactional=True,
        producer_id=5,
        producer_epoch=0,
        base_sequence=0,
    )
    builder.append(timestamp=1, key=None, value=b"v")
    builder.close()
    with pytest.raises(Unmergeable, match="attributes"):
        parse(0, bytes(builder.buffer()))


def test_batches_that_overlap_are_refused() -> None:
    one = parse(10, built([(1, None, b"a", []), (1, None, b"b", [])], NONE))
    inside = parse(11, built([(1, None, b"c", [])], NONE))
    with pytest.raises(Unmergeable):
        merge([one, inside])


def test_plain_and_compressed_batches_become_a_compressed_one() -> None:
    plain: list[Any] = [(1, None, b"a", [])]
    packed: list[Any] = [(2, None, b"b" * 500, [])]
    merged = merge([parse(0, built(plain, NONE)), parse(1, built(packed, GZIP))])
    assert parse(0, merged).compression == GZIP
    assert read(0, merged) == [(0, *plain[0]), (1, *packed[0])]


@pytest.mark.parametrize("records", [b"", b"\x06\x00", b"\x80" * 20, b"\x02\x00\x00\x00\x00"])
def test_records_that_do_not_add_up_are_refused(records: bytes) -> None:
    with pytest.raises(Unmergeable):
        merge([Batch(0, 0, NONE, 0, 0, 1, records)])
