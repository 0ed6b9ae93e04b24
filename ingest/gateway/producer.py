"""Sending to Kafka: one call returns when a message is durable, or raises `Unavailable`.

`MemoryProducer` keeps messages instead: for tests, and for commands that want to see what would be sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordTooLargeError

from infra.fault import Fault
from infra.kafka import missing_topics
from infra.kafka_access import connection
from infra.kafka_refusal import refusal
from infra.settings import KafkaSettings
from ingest.errors import Defect, TooLarge, Unavailable

logger = logging.getLogger(__name__)

Header = tuple[str, bytes]

ACK_TIMEOUT_S = 6.0
"""How long an acknowledgement is waited for: well inside an OTLP exporter's 10 s."""
RETRY_S = 1.0
"""How long a broker that failed is left alone."""
READY_S = 20.0
"""How long a command waits for a broker at its start."""
MAX_MESSAGE_BYTES = 72 << 20


class Producer(Protocol):
    """Where messages go."""

    @property
    def problem(self) -> str | None:
        """Why nothing can be sent now; ``None`` if as far as known it can."""

    async def start(self) -> None:
        """Begin; returns at once even if Kafka does not answer yet."""

    async def stop(self) -> None:
        """Send what is under way, then end."""

    async def send(
        self, topic: str, partition: int, value: bytes, headers: Sequence[Header], key: bytes | None = None
    ) -> None:
        """Return when the message is durable.

        Raises
        ------
        Unavailable
            If it is not known to be: it may be sent again.
        TooLarge
            If it never can be.
        """


async def until_ready(producer: Producer) -> None:
    """Return when messages can be sent, as far as known.

    Raises
    ------
    Unavailable
        If they cannot after `READY_S`.
    """
    for _ in range(round(READY_S / 0.1)):
        if producer.problem is None:
            return
        await asyncio.sleep(0.1)
    raise Unavailable(f"{producer.problem}, after {READY_S:.0f} s")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as it was sent."""

    topic: str
    partition: int
    value: bytes
    headers: tuple[Header, ...]
    key: bytes | None = None

    def header(self, name: str) -> str | None:
        """Value of a header as text."""
        return next((v.decode() for k, v in self.headers if k == name), None)


class MemoryProducer:
    """Keeps messages. ``down`` makes sends fail, ``failing`` those to some partitions."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.down = False
        self.failing: set[int] = set()
        self.hold: asyncio.Event | None = None

    @property
    def problem(self) -> str | None:
        """Whether it was told to fail."""
        return "the memory producer was told to fail" if self.down else None

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""

    async def send(
        self, topic: str, partition: int, value: bytes, headers: Sequence[Header], key: bytes | None = None
    ) -> None:
        """Keep the message, after ``hold`` is set if there is one."""
        if self.hold is not None:
            await self.hold.wait()
        if self.down or partition in self.failing:
            raise Unavailable("the memory producer was told to fail")
        self.sent.append(Sent(topic, partition, value, tuple(headers), key))


class KafkaProducer:
    """aiokafka with ``acks=all``, made again in the background when it fails; meanwhile sends fail at once.

    ``kafka.idempotent`` lets the broker drop what a retry stores twice; not on the embedded broker, which can
    then acknowledge what it lost. Without it nothing is lost or reordered either (aiokafka has one batch of a
    partition under way), and a repeated span is counted as the duplicate it is.

    Raises
    ------
    Misconfigured
        If a file that the settings name cannot be used.
    """

    def __init__(self, settings: KafkaSettings, topics: Sequence[str]) -> None:
        self._settings = settings
        self._connection = connection(settings)
        self._topics = tuple(topics)
        self._why = ""
        self._producer: AIOKafkaProducer | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False
        self._fatal: str | None = None  # why no retry can help: a topic with other partitions

    @property
    def problem(self) -> str | None:
        """Why there is no connection."""
        if self._producer is not None:
            return None
        return self._fatal or f"Kafka at {self._settings.bootstrap} is not connected{self._why}"

    async def start(self) -> None:
        """Connect in the background, for as long as it takes."""
        self._reconnect()

    def _reconnect(self) -> None:
        if not self._closed and (self._connecting is None or self._connecting.done()):
            self._connecting = asyncio.create_task(self._connect(), name="kafka-connect")

    async def _connect(self) -> None:
        old, self._producer = self._producer, None
        if old is not None:  # what it still sends arrives a second time; nobody waits for that
            task = asyncio.create_task(_close(old), name="kafka-close")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        while not self._closed:
            producer = AIOKafkaProducer(
                **self._connection,
                client_id="lightship-gateway",
                acks="all",
                enable_idempotence=self._settings.idempotent,
                linger_ms=0,
                max_request_size=MAX_MESSAGE_BYTES,
                request_timeout_ms=int(ACK_TIMEOUT_S * 1000),
                retry_backoff_ms=100,
            )
            try:
                async with asyncio.timeout(ACK_TIMEOUT_S * 2):
                    await producer.start()
                    await self._check(producer)
            except (KafkaError, OSError, TimeoutError) as error:
                await _close(producer)
                why = await asyncio.to_thread(refusal, self._settings)
                self._why = f": {why or error or type(error).__name__}"
                logger.warning("%s", self.problem)
                await asyncio.sleep(RETRY_S)
                continue
            except Unavailable as error:
                await _close(producer)
                if self._why != f": {error}":
                    self._why = f": {error}"
                    logger.warning("%s", self.problem)
                await asyncio.sleep(RETRY_S)
                continue
            except Defect as error:
                await _close(producer)
                self._fatal = str(error)
                logger.error("%s", error)
                return
            except Exception as error:  # noqa: BLE001 - this task alone connects: if it ends, nothing is sent again
                await _close(producer)
                self._why = f": {Fault.of(error)}"
                logger.error("%s", self.problem)
                await asyncio.sleep(RETRY_S)
                continue
            self._producer = producer
            logger.info("connected to Kafka at %s", self._settings.bootstrap)
            return

    async def _check(self, producer: AIOKafkaProducer) -> None:
        """The topics must exist, with as many partitions as we split for."""
        known = await producer.client.fetch_all_metadata()
        missing = [topic for topic in self._topics if not known.partitions_for_topic(topic)]
        if missing:
            raise Unavailable(missing_topics(missing, self._settings))
        for topic in self._topics:
            have = len(await producer.partitions_for(topic))
            told = self._settings.partitions
            if have != told:
                raise Defect(
                    f"topic {topic} has {have} partitions and the gateway was told {told}: "
                    "set kafka.partitions to what the topics were created with"
                )

    async def stop(self) -> None:
        """Send what is under way, then close."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._connecting
        if self._producer is not None:
            await _close(self._producer)
            self._producer = None
        if self._closing:
            await asyncio.wait(self._closing, timeout=RETRY_S)

    async def send(
        self, topic: str, partition: int, value: bytes, headers: Sequence[Header], key: bytes | None = None
    ) -> None:
        """Return when all in-sync replicas have the message."""
        producer = self._producer
        if producer is None:
            raise Unavailable(self.problem or "Kafka is not connected")
        try:
            async with asyncio.timeout(ACK_TIMEOUT_S):
                acknowledged = await producer.send(
                    topic, value, key=key, partition=partition, headers=list(headers)
                )
                acknowledged.add_done_callback(_look_at)
                await asyncio.shield(acknowledged)
        except (MessageSizeTooLargeError, RecordTooLargeError) as error:
            raise TooLarge(
                f"a span of {len(value)} bytes is larger than Kafka takes: limit what is captured"
            ) from error
        except (KafkaError, TimeoutError) as error:
            if not producer.client.cluster.partitions_for_topic(topic):
                raise Unavailable(missing_topics([topic], self._settings)) from error
            if self._producer is producer:
                self._reconnect()
            raise Unavailable(f"Kafka did not acknowledge: {error or type(error).__name__}") from error


def _look_at(acknowledged: asyncio.Future[Any]) -> None:
    """Take note of an outcome nobody waits for any more."""
    if not acknowledged.cancelled():
        acknowledged.exception()


async def _close(producer: Any) -> None:
    """Close a producer that may be broken, without waiting for what it cannot send."""
    try:
        async with asyncio.timeout(ACK_TIMEOUT_S):
            await producer.stop()
    except Exception as error:  # noqa: BLE001 - it is given up, whatever it says
        logger.info("a producer was closed with messages under way: %s", type(error).__name__)
        await _abandon(producer)


async def _abandon(producer: Any) -> None:
    """End what aiokafka leaves running if its `stop` is given up: a sender, its messages, connections.

    Whoever waited for those messages has been told to send them again.
    """
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(RETRY_S):
            await producer._sender.close()  # noqa: SLF001 - there is no other way to it
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(RETRY_S):
            await producer.client.close()
