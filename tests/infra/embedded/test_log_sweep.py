"""Sweeping the broker's log: what any fetch gets stays the same, and old batches go."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.record import MemoryRecords, MemoryRecordsBuilder

from infra.embedded import batch_merging
from infra.embedded.batch_merging import batch_keys, remove_contained
from infra.embedded.log_retention import NS_PER_S, READABLE_NS, LogRetention
from infra.embedded.object_files import ObjectFiles
from infra.embedded.recent_reads import WINDOW_S, RecentReads
from tests.at_length import examples

RECORDS = "clusters/c/topics/t/partitions/0000000000/records/"
HOUR_NS = 3600 * NS_PER_S


class Clock:
    def __init__(self) -> None:
        self.now = HOUR_NS

    def __call__(self) -> int:
        return self.now


def key(offset: int, topic: str = "t") -> str:
    return f"{RECORDS.replace('/t/', f'/{topic}/')}{offset:020}.batch"


def batch(values: list[bytes], compression: int = 0) -> bytes:
    builder = MemoryRecordsBuilder(magic=2, compression_type=compression, batch_size=1 << 20)
    for value in values:
        builder.append(timestamp=1, key=None, value=value)
    builder.close()
    return bytes(builder.buffer())


def fill(files: ObjectFiles, clock: Clock, sizes: list[int], start: int = 0) -> dict[int, bytes]:
    """Batches of so many records, a second apart; every record by its offset."""
    log: dict[int, bytes] = {}
    offset = start
    for size in sizes:
        values = [b"%d" % (offset + i) for i in range(size)]
        clock.now += NS_PER_S
        files.put(key(offset), batch(values))
        log.update(zip(range(offset, offset + size), values, strict=True))
        offset += size
    return log


def consumed(files: ObjectFiles) -> dict[int, bytes]:
    """Every record by its offset; each lies in the last batch that begins at or before it, as the broker
    looks for it.
    """
    bases = [int(k[-26:-6]) for k in batch_keys(files.names, RECORDS)]
    out: dict[int, bytes] = {}
    for base, following in zip(bases, [*bases[1:], 2**63], strict=True):
        records = MemoryRecords(base.to_bytes(8, "big") + files.read(key(base))[8:])
        for record in records.next_batch():
            assert base <= record.offset < following
            assert record.offset not in out
            out[record.offset] = bytes(record.value)
    return out


@settings(deadline=None, max_examples=examples(25))
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=40), rounds=st.integers(1, 3))
def test_every_offset_is_found_after_any_number_of_sweeps(sizes: list[int], rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock()
        files = ObjectFiles(Path(folder), now_ns=clock)
        sweep = LogRetention(files, {}, RecentReads(), merge_after_s=10, now_ns=clock)
        log: dict[int, bytes] = {}
        for _ in range(rounds):
            log |= fill(files, clock, sizes, start=len(log))
            asyncio.run(sweep.once())
            assert consumed(files) == log


def test_old_batches_become_one_and_young_ones_stay(tmp_path: Path) -> None:
    clock = Clock()
    files = ObjectFiles(tmp_path, now_ns=clock)
    fill(files, clock, [1] * 100)
    sweep = LogRetention(files, {}, RecentReads(), merge_after_s=20, now_ns=clock)
    expired, merged = asyncio.run(sweep.once())
    assert (expired, merged) == (0, 80)
    assert batch_keys(files.names, RECORDS) == [key(0), *(key(i) for i in range(80, 100))]


def test_what_is_being_read_is_left_for_later(tmp_path: Path) -> None:
    clock = Clock()
    at_s = 0.0
    files = ObjectFiles(tmp_path, now_ns=clock)
    reads = RecentReads(clock_s=lambda: at_s)
    fill(files, clock, [1] * 40)
    sweep = LogRetention(files, {}, reads, merge_after_s=0, now_ns=clock)
    reads.note(key(20))
    reads.note(key(5, "other"))
    assert asyncio.run(sweep.once()) == (0, 0)
    at_s = WINDOW_S
    assert asyncio.run(sweep.once()) == (0, 0)
    at_s = 2 * WINDOW_S
    reads.note(key(39))  # a consumer that keeps up
    assert asyncio.run(sweep.once()) == (0, 39)


def test_a_list_of_which_nothing_was_read_yet_holds_everything_up(tmp_path: Path) -> None:
    clock = Clock()
    at_s = 0.0
    files = ObjectFiles(tmp_path, now_ns=clock)
    reads = RecentReads(clock_s=lambda: at_s)
    fill(files, clock, [1] * 40)
    sweep = LogRetention(files, {}, reads, merge_after_s=0, now_ns=clock)
    reads.listed(RECORDS)
    assert asyncio.run(sweep.once()) == (0, 0)
    reads.note(key(39))
    assert asyncio.run(sweep.once()) == (0, 39)
    fill(files, clock, [1] * 40, start=40)
    reads.listed(RECORDS)
    assert asyncio.run(sweep.once())[1] == 0
    at_s = 2 * WINDOW_S  # its reader has gone away
    assert asyncio.run(sweep.once())[1] > 0


def test_what_is_read_during_a_merge_is_not_replaced(tmp_path: Path) -> None:
    clock = Clock()
    files = ObjectFiles(tmp_path, now_ns=clock)
    reads = RecentReads()
    fill(files, clock, [1] * 40)
    sweep = LogRetention(files, {}, reads, merge_after_s=0, now_ns=clock)

    async def both() -> None:
        merging = asyncio.create_task(sweep.once())
        await asyncio.sleep(0)  # the run is chosen and a thread reads it
        reads.note(key(3))
        await merging

    asyncio.run(both())
    assert len(batch_keys(files.names, RECORDS)) == 40
    assert not list((tmp_path / "incoming").iterdir())


def test_the_newest_batch_is_never_merged(tmp_path: Path) -> None:
    clock = Clock()
    files = ObjectFiles(tmp_path, now_ns=clock)
    fill(files, clock, [1] * 20)
    clock.now += HOUR_NS
    asyncio.run(LogRetention(files, {}, RecentReads(), now_ns=clock).once())
    assert batch_keys(files.names, RECORDS) == [key(0), key(19)]


def test_a_fetch_that_listed_before_the_merge_still_finds_its_batches(tmp_path: Path) -> None:
    clock = Clock()
    files = ObjectFiles(tmp_path, now_ns=clock)
    log = fill(files, clock, [1] * 50)
    listed = batch_keys(files.names, RECORDS)
    sweep = LogRetention(files, {}, RecentReads(), merge_after_s=0, now_ns=clock)
    asyncio.run(sweep.once())
    for name, value in zip(listed, log.values(), strict=True):
        assert value in files.read(name)
    clock.now += READABLE_NS + NS_PER_S
    asyncio.run(sweep.once())
    assert len(list((tmp_path / "objects").rglob("*@"))) == 2


@settings(deadline=None, max_examples=examples(30))
@given(kept=st.sets(st.integers(1, 48)))
def test_parts_that_a_crash_left_behind_are_removed(kept: set[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock()
        files = ObjectFiles(Path(folder), now_ns=clock)
        log = fill(files, clock, [1] * 50)
        before = {k: (files.read(k), files.get(k)) for k in files.names}
        asyncio.run(LogRetention(files, {}, RecentReads(), merge_after_s=0, now_ns=clock).once())
        files.reap(2**63)
        for offset in kept:  # the crash came before these were deleted
            body, stored = before[key(offset)]
            assert stored is not None
            files.commit(key(offset), files.stage(body, modified_ns=stored.modified_ns))
        again = ObjectFiles(Path(folder), now_ns=clock)
        assert remove_contained(again) == len(kept)
        assert batch_keys(again.names, RECORDS) == [key(0), key(49)]
        assert consumed(again) == log
        assert remove_contained(again) == 0


def test_batches_written_in_another_order_than_their_offsets_are_not_taken_for_leftovers(
    tmp_path: Path,
) -> None:
    clock = Clock()
    files = ObjectFiles(tmp_path, now_ns=clock)
    for offset in (1, 0, 3, 2, 4):
        clock.now += 1
        files.put(key(offset), batch([b"v"]))
    assert remove_contained(files) == 0


def test_a_batch_that_cannot_be_read_is_left_where_it_is(tmp_path: Path) -> None:
    clock = Clock()
    files = ObjectFiles(tmp_path, now_ns=clock)
    fill(files, clock, [1] * 10)
    files.put(key(10), b"damaged")
    fill(files, clock, [1] * 30, start=11)
    asyncio.run(LogRetention(files, {}, RecentReads(), merge_after_s=0, now_ns=clock).once())
    asyncio.run(LogRetention(files, {}, RecentReads(), merge_after_s=0, now_ns=clock).once())
    assert batch_keys(files.names, RECORDS) == [key(0), key(10), key(11), key(40)]
    assert files.read(key(10)) == b"damaged"


def test_a_topic_deleted_during_a_merge_stays_deleted(tmp_path: Path) -> None:
    clock = Clock()
    files = ObjectFiles(tmp_path, now_ns=clock)
    fill(files, clock, [1] * 40)
    sweep = LogRetention(files, {}, RecentReads(), merge_after_s=0, now_ns=clock)

    async def both() -> None:
        merging = asyncio.create_task(sweep.once())
        await asyncio.sleep(0)  # the run is chosen and a thread reads it
        for name in list(files.names):
            files.delete(name)
        await merging

    asyncio.run(both())
    assert files.names == []
    assert not list((tmp_path / "objects").rglob("*@"))


def test_only_topics_with_a_limit_expire_and_each_keeps_its_newest_batch(tmp_path: Path) -> None:
    clock = Clock()
    files = ObjectFiles(tmp_path, now_ns=clock)
    for topic in ("t", "forever"):
        for offset in range(5):
            clock.now += HOUR_NS
            files.put(key(offset, topic), batch([b"v"]))
    files.put("clusters/c/topics/t/partitions/0000000000/watermark.json", b"{}")
    asyncio.run(LogRetention(files, {"t": 6.5}, RecentReads(), now_ns=clock).once())
    assert batch_keys(files.names, RECORDS) == [key(3), key(4)]
    clock.now += 100 * HOUR_NS
    asyncio.run(LogRetention(files, {"t": 6.5}, RecentReads(), now_ns=clock).once())
    assert batch_keys(files.names, RECORDS) == [key(4)]
    assert len([n for n in files.names if "/forever/" in n]) == 5
    assert "clusters/c/topics/t/partitions/0000000000/watermark.json" in files.names


def test_batches_that_are_kept_for_minutes_are_not_made_younger_by_merging(tmp_path: Path) -> None:
    clock = Clock()
    files = ObjectFiles(tmp_path, now_ns=clock)
    fill(files, clock, [1] * 100)
    sweep = LogRetention(files, {"t": 0.75}, RecentReads(), merge_after_s=0, now_ns=clock)
    assert asyncio.run(sweep.once()) == (0, 0)
    assert len(batch_keys(files.names, RECORDS)) == 100


def test_bytes_are_written_again_only_as_often_as_the_size_doubles(tmp_path: Path) -> None:
    clock = Clock()
    files = ObjectFiles(tmp_path, now_ns=clock)
    sweep = LogRetention(files, {}, RecentReads(), merge_after_s=0, now_ns=clock)
    written = 0
    count = 0
    for _ in range(64):
        fill(files, clock, [1] * 8, start=count)
        count += 8
        before = {k: files.get(k) for k in files.names}
        asyncio.run(sweep.once())
        written += sum(
            stored.size
            for k in files.names
            if (stored := files.get(k)) is not None and before.get(k) != stored
        )
    total = sum(stored.size for k in files.names if (stored := files.get(k)) is not None)
    assert written < 8 * total  # 64 rounds: log2 is 6, rewriting all of it each time would be 32
    assert len(files) < 30


def test_a_run_has_a_bounded_size(tmp_path: Path) -> None:
    clock = Clock()
    files = ObjectFiles(tmp_path, now_ns=clock)
    for offset in range(60):
        files.put(key(offset), batch([b"x" * 100_000]))
    clock.now += HOUR_NS
    asyncio.run(LogRetention(files, {}, RecentReads(), now_ns=clock).once())
    sizes = [stored.size for k in files.names if (stored := files.get(k)) is not None]
    assert 3 <= len(sizes) < 10
    assert max(sizes) <= batch_merging.MAX_BYTES
