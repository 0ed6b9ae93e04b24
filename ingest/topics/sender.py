"""Sending what the stages ask for, and waiting until it is acknowledged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from infra.kafka import missing_topics
from infra.kafka_access import connection
from infra.settings import KafkaSettings
from ingest.errors import Unavailable
from ingest.messages import Output

logger = logging.getLogger(__name__)


class Sender:
    """Sends outputs with one producer and waits for every acknowledgement.

    ``request_timeout_ms`` is also how long a topic is looked for that does not exist.
    """

    def __init__(self, settings: KafkaSettings, request_timeout_ms: int = 40_000) -> None:
        self._request_timeout_ms = request_timeout_ms
        self._settings = settings
        self._connection = connection(settings)
        self._idempotent = settings.idempotent
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()

    async def send(self, outputs: Sequence[Output]) -> None:
        """Send all; return when all are acknowledged.

        What names its partition (marks) is sent when the rest is acknowledged: a mark says that what it
        speaks of stands in the log before it.

        Raises
        ------
        Unavailable
            If Kafka did not acknowledge one of them; some may have been sent.
        """
        if not outputs:
            return
        try:
            producer = await self._open()
            free, placed = ([o for o in outputs if (o.partition is None) == at] for at in (True, False))
            for group in (free, placed):
                sent = [
                    await producer.send(
                        o.topic, value=o.value, key=o.key, partition=o.partition, headers=list(o.headers)
                    )
                    for o in group
                ]
                await asyncio.gather(*sent)
        except UnknownTopicOrPartitionError as error:
            await self.close()
            names = sorted({o.topic for o in outputs})
            raise Unavailable(missing_topics(names, self._settings)) from error
        except KafkaError as error:
            await self.close()
            raise Unavailable(f"Kafka did not acknowledge {len(outputs)} messages: {error!r}") from error

    async def _open(self) -> AIOKafkaProducer:
        """The one producer of all who send at the same time."""
        async with self._opening:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._connection,
                    acks="all",
                    enable_idempotence=self._idempotent,
                    linger_ms=2,
                    max_request_size=64 << 20,
                    request_timeout_ms=self._request_timeout_ms,
                )
                await producer.start()
                self._producer = producer
            return self._producer

    async def close(self) -> None:
        """Close the producer; the next send opens another."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await producer.stop()
            except KafkaError:
                logger.info("the producer was closed while Kafka did not answer")
