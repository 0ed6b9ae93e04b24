"""Nothing is acknowledged while the disk that would have to keep it has only its reserve left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

from infra.disk_reserve import LOOK_S, DiskReserve
from ingest.errors import DiskFull, Unavailable
from ingest.gateway.producer import Header, Producer


class WithDiskReserve:
    """A producer that sends nothing while a disk has less than its reserve free; goes on by itself.

    A message that was under way when the space ran out may fail because of that, and long after: its failure
    is then said to be the disk's, whose remedy is another than that of a broker that is away.
    """

    def __init__(self, producer: Producer, reserve: DiskReserve, look_s: float = LOOK_S) -> None:
        self._producer = producer
        self._reserve = reserve
        self._look_s = look_s

    @property
    def problem(self) -> str | None:
        """That of the disk, or of the producer."""
        return self._reserve.problem or self._producer.problem

    async def start(self) -> None:
        """As the producer's."""
        await self._producer.start()

    async def stop(self) -> None:
        """As the producer's."""
        await self._producer.stop()

    async def send(
        self, topic: str, partition: int, value: bytes, headers: Sequence[Header], key: bytes | None = None
    ) -> None:
        """As the producer's.

        Raises
        ------
        DiskFull
            While the reserve is used, or if it was while a message that failed was under way.
        """
        if (problem := self._reserve.problem) is not None:
            raise DiskFull(problem)
        with self._watched() as seen:
            try:
                await self._producer.send(topic, partition, value, headers, key)
            except Unavailable as error:
                if (problem := self._reserve.problem or next(iter(seen), None)) is not None:
                    raise DiskFull(problem) from error
                raise

    @contextlib.contextmanager
    def _watched(self) -> Iterator[list[str]]:
        """What the reserve says from now on, while the block waits; empty as long as there is space."""
        seen: list[str] = []
        timers: list[asyncio.TimerHandle] = []

        def look_later() -> None:
            timers[:] = [asyncio.get_running_loop().call_later(self._look_s, look)]

        def look() -> None:
            if (problem := self._reserve.problem) is None:
                look_later()
            else:
                seen.append(problem)

        look_later()
        try:
            yield seen
        finally:
            timers[0].cancel()
