"""The sending thread: takes the oldest messages, waits for Kafka's acknowledgement of each, tries again.

Messages of one exporter have one key and so one partition, one request is under way at a time, and a message
that failed is sent again before those behind it: their numbers come in order. A message may come twice; the
records in it are recognised by their ids.
"""

from __future__ import annotations

import inspect
import logging
import socket
import time
from collections.abc import Callable
from typing import Any, Protocol

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, RecordListTooLargeError
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, set_value

from lightship_exporter.outbox import Message, Outbox
from lightship_exporter.quiet import NAME, quieten
from lightship_exporter.settings import ExporterSettings, addresses

logger = logging.getLogger("lightship_exporter")

MOST_MESSAGES, MOST_BYTES = 64, 4 << 20
"""What is under way at the same time."""
HEADER_ROOM = 64 << 10
CONNECT_S, REQUEST_S, DELIVERY_S = 5.0, 10.0, 20.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
SAY_EVERY_S = 60.0


class Producer(Protocol):
    """What is used of kafka-python's producer."""

    def send(self, topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]]) -> Any:
        """Begin to send; the result's ``get(timeout)`` waits for the acknowledgement or raises."""

    def close(self, timeout: float) -> None:
        """Close."""


def connect(settings: ExporterSettings) -> Producer:
    """A producer of kafka-python, connected.

    Raises
    ------
    OSError, KafkaError
        If no broker answers within `CONNECT_S`.
    ValueError
        If the address or a security setting is none.
    """
    _reach(settings.bootstrap)
    quieten()
    producer = KafkaProducer(
        bootstrap_servers=settings.bootstrap.split(","),
        client_id=NAME,
        acks="all",
        enable_idempotence=False,  # not every broker knows it; records are recognised by their ids
        max_in_flight_requests_per_connection=1,
        compression_type="gzip",
        max_request_size=settings.message_bytes + HEADER_ROOM,
        bootstrap_timeout_ms=round(CONNECT_S * 1000),
        max_block_ms=round(CONNECT_S * 1000),
        request_timeout_ms=round(REQUEST_S * 1000),
        delivery_timeout_ms=round(DELIVERY_S * 1000),
        reconnect_backoff_max_ms=round(LONGEST_PAUSE_S * 1000),
        metrics_enabled=False,
        allow_auto_create_topics=False,
        **settings.security,
    )
    _look_up_only(producer)
    # at exit it would close itself before the SDK's last flush
    unregister: Callable[[], None] | None = getattr(producer, "_unregister_cleanup", None)
    if unregister is not None:
        unregister()
    return _Uninstrumented(producer)


def _look_up_only(producer: Any) -> None:
    """Let the broker create no topic that is looked up: it would choose its number of partitions for good.

    kafka-python 3.0 does not pass its option on to what sends the requests.
    """
    config = getattr(getattr(producer, "_metadata", None), "config", None)
    if isinstance(config, dict):
        config["allow_auto_create_topics"] = False


def _reach(bootstrap: str) -> None:
    """Raise the error of the last address if none can be connected to: a producer is costly to fail with."""
    problem: OSError | None = None
    for address in addresses(bootstrap):
        try:
            socket.create_connection(address, CONNECT_S).close()
        except OSError as error:
            problem = error
        else:
            return
    if problem is not None:
        raise problem


class _Uninstrumented:
    """A producer whose sends make no spans, though the application may trace its own use of Kafka."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._send = inspect.unwrap(type(producer).send)

    def send(self, topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]]) -> Any:
        try:
            return self._send(self._producer, topic, value=value, key=key, headers=headers)
        except KafkaTimeoutError as error:
            metadata = getattr(self._producer, "_metadata", None)
            if metadata is not None and metadata.brokers() and not metadata.partitions_for_topic(topic):
                raise KafkaTimeoutError(f"topic {topic} does not exist: run `lightship setup`") from error
            raise

    def close(self, timeout: float) -> None:
        try:
            self._producer.close(timeout=timeout)
        except KafkaError:  # it gave up before it told its thread to end
            sender = getattr(self._producer, "_sender", None)
            if sender is not None:
                sender.force_close()
            raise


class Sending:
    """The work of the thread. ``headers_of`` gives a message its headers when it is first sent."""

    def __init__(
        self,
        outbox: Outbox,
        topic: str,
        key: bytes,
        settings: ExporterSettings,
        headers_of: Callable[[Message], list[tuple[str, bytes]]],
        connect: Callable[[ExporterSettings], Producer] = connect,
    ) -> None:
        self._outbox = outbox
        self._topic = topic
        self._key = key
        self._settings = settings
        self._headers_of = headers_of
        self._connect = connect
        self._producer: Producer | None = None
        self._said_at = -SAY_EVERY_S

    def run(self) -> None:
        """Send until the outbox is closed and empty."""
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        pause_s = FIRST_PAUSE_S
        while some := self._outbox.oldest(MOST_MESSAGES, MOST_BYTES):
            problem = self._send(some)
            if problem is None:
                pause_s = FIRST_PAUSE_S
                continue
            self._say(problem)
            self._disconnect()
            self._outbox.pause(pause_s)
            if self._outbox.closed:
                time.sleep(FIRST_PAUSE_S)  # closing: try on until the deadline empties the outbox
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        self._disconnect()

    def _send(self, some: list[Message]) -> str | None:
        """Send messages and wait for all; what went wrong."""
        problem: str | None = None
        try:
            if self._producer is None:
                self._producer = self._connect(self._settings)
            under_way = [(m, self._begin(self._producer, m)) for m in some]
        except Exception as error:  # noqa: BLE001 - whatever kafka-python or the network say, nothing is lost
            return _words(error)
        for message, acknowledged in under_way:
            try:
                if acknowledged is not None:
                    acknowledged.get(timeout=DELIVERY_S + REQUEST_S)
                    self._outbox.remove(message)
            except (MessageSizeTooLargeError, RecordListTooLargeError):
                self._give_up(message)
            except Exception as error:  # noqa: BLE001 - as above
                problem = _words(error)
        return problem

    def _begin(self, producer: Producer, message: Message) -> Any | None:
        if message.headers is None:
            message.headers = self._headers_of(message)
        try:
            return producer.send(self._topic, message.value, self._key, message.headers)
        except (MessageSizeTooLargeError, RecordListTooLargeError):
            self._give_up(message)
            return None

    def _give_up(self, message: Message) -> None:
        self._outbox.remove(message, dropped=True)
        logger.warning(
            "Kafka takes no message of %d bytes, %d records dropped: lower LIGHTSHIP_EXPORTER_MESSAGE_MIB",
            len(message.value),
            message.records,
        )

    def _say(self, problem: str) -> None:
        """Once a minute at most."""
        now = time.monotonic()
        if now - self._said_at >= SAY_EVERY_S:
            self._said_at = now
            logger.warning(
                "Kafka at %s does not take telemetry (%s): %d records wait, %d are dropped so far",
                self._settings.bootstrap,
                problem,
                self._outbox.waiting(),
                self._outbox.dropped,
            )

    def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                producer.close(timeout=0)
            except Exception:  # noqa: BLE001 - the next one is made anew, whatever this one says
                logger.debug("a producer was closed while Kafka did not answer")


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
