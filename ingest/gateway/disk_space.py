"""Nothing is acknowledged while the disk that would have to keep it has only its reserve left."""

from __future__ import annotations

from collections.abc import Sequence

from infra.disk_reserve import DiskReserve
from ingest.errors import DiskFull
from ingest.gateway.producer import Header, Producer


class WithDiskReserve:
    """A producer that sends nothing while a disk has less than its reserve free; goes on by itself."""

    def __init__(self, producer: Producer, reserve: DiskReserve) -> None:
        self._producer = producer
        self._reserve = reserve

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
            While the reserve is used.
        """
        if (problem := self._reserve.problem) is not None:
            raise DiskFull(problem)
        await self._producer.send(topic, partition, value, headers, key)
