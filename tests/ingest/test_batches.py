"""Batches are bounded in number, bytes and time, and leave nothing out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ingest.topics.batches import batches


@dataclass(frozen=True)
class Event:
    number: int
    value: bytes | None


class Stream:
    """What is asked of a stream of the library: events one after another, some after a pause."""

    def __init__(self, sizes: Sequence[int], pauses: Sequence[int] = (), *, ends: bool = True) -> None:
        self.enable_acks = True
        self.asked = 0
        self._sizes, self._pauses, self._ends = sizes, set(pauses), ends

    async def events(self) -> AsyncIterator[Event]:
        for number, size in enumerate(self._sizes):
            self.asked += 1
            if number in self._pauses:
                await asyncio.sleep(0.05)
            yield Event(number, b"x" * size or None)
        if not self._ends:
            await asyncio.Event().wait()


async def taken(stream: Stream, most: int, most_bytes: int, within_s: float = 10.0) -> list[list[Event]]:
    return [batch async for batch in batches(stream, most, most_bytes, within_s)]


@given(st.lists(st.integers(0, 12)), st.integers(1, 5), st.integers(1, 30))
def test_all_come_once_in_order_and_bounded(sizes: list[int], most: int, most_bytes: int) -> None:
    stream = Stream(sizes)
    found = asyncio.run(taken(stream, most, most_bytes))
    assert [e.number for batch in found for e in batch] == list(range(len(sizes)))
    for batch in found:
        assert 0 < len(batch) <= most
        assert sum(len(e.value or b"") for e in batch[:-1]) < most_bytes
    for batch in found[:-1]:
        assert len(batch) == most or sum(len(e.value or b"") for e in batch) >= most_bytes
    assert not stream.enable_acks


def test_what_came_is_not_held_back_by_what_comes_later() -> None:
    stream = Stream([1] * 5, pauses=[3])
    assert [len(b) for b in asyncio.run(taken(stream, 10, 100, within_s=0.01))] == [3, 2]


def test_one_event_at_most_is_taken_ahead_of_a_batch_being_worked_on() -> None:
    async def slowly() -> int:
        stream = Stream([1] * 100, ends=False)
        async for batch in batches(stream, 4, 100, 10.0):
            await asyncio.sleep(0.02)
            return stream.asked - len(batch)
        return -1

    assert asyncio.run(slowly()) <= 1
