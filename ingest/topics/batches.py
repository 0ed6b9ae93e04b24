"""Taking messages from a stream in batches that are bounded in number, in bytes and in time.

The library's own batches count messages alone, and it fills the next one while one is worked on. Raw messages
differ in size by a factor of a million, so what a worker far behind holds in memory would know no bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any


async def batches(stream: Any, most: int, most_bytes: int, within_s: float) -> AsyncIterator[list[Any]]:
    """Events of a Faust stream, in order, none of them acknowledged.

    A batch ends when it holds ``most`` events or ``most_bytes`` of values (the last event may exceed that),
    or when its first event has waited for ``within_s``.
    """
    stream.enable_acks = False
    events = aiter(stream.events())
    loop = asyncio.get_running_loop()
    coming: asyncio.Future[Any] | None = None
    batch: list[Any] = []
    size, deadline = 0, 0.0
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(events))
            left = max(deadline - loop.time(), 0.0) if batch else None
            await asyncio.wait({coming}, timeout=left)
            if coming.done():
                try:
                    event = coming.result()
                except StopAsyncIteration:
                    break
                coming = None
                deadline = deadline if batch else loop.time() + within_s
                batch.append(event)
                size += len(event.value or b"")
                if len(batch) < most and size < most_bytes:
                    continue
            yield batch
            batch, size = [], 0
        if batch:
            yield batch
    finally:
        if coming is not None:
            coming.cancel()
