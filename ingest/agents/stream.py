"""What every Faust application of ours needs: settings, health, order, and one outermost guard.

An exception that leaves a Faust agent stalls it for good, so one outermost guard decides: a dependency that
does not answer is waited for, anything else ends the process (what was not acknowledged comes again).
A watchdog ends the process when messages wait and nothing moves.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import faust
from faust.auth import SASLCredentials, SSLCredentials
from faust.types import TP

from infra import kafka
from infra.kafka_access import connection
from infra.settings import KafkaSettings
from ingest import process
from ingest.agents.garbage_collection import spare_the_state
from ingest.errors import Unavailable
from ingest.exit_code import DEFECT, UNAVAILABLE
from ingest.messages import RawMessage
from ingest.topics.in_order import InOrder, Place, Sifted
from ingest.topics.unread import End

logger = logging.getLogger(__name__)
T = TypeVar("T")

WITHIN_S = 0.2
"""How long a batch waits to be full."""
"""New containers after which cycles are looked for; a batch makes a hundred thousand and needs them all."""
WATCHDOG_S = 120.0
POLLED = 32
"""Messages handed out at once: however far behind a worker is, its agents hold little more than they may."""
LONGEST_WAIT_S = 86_400.0
"""How long nothing may be read: while a store is away agents are full. The watchdog ends what hangs."""
STOP_WITHIN_S = 25.0
"""How long the library may take to stop: it waits for a group whose other member hangs, or a connection that
does not close. Less than the 30 s after which container platforms kill, so that a log line says it."""


@dataclass(slots=True)
class Health:
    """What the worker waits for, and when it last moved; read by the readiness probe.

    ``applied`` is, per partition of the observation log, the offset before which everything is applied,
    stored and sent on; ``stopped`` is why the process is about to end.
    """

    waiting_for: dict[str, str] = field(default_factory=dict)
    applied: dict[int, int] = field(default_factory=dict)
    moved_at: float = field(default_factory=time.monotonic)
    pending: int = 0
    assigned: bool = False
    stopped: str | None = None

    def moved(self, agent: str) -> None:
        """Note progress of an agent."""
        self.waiting_for.pop(agent, None)
        self.moved_at = time.monotonic()

    async def until_available(self, agent: str, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat ``call`` while a dependency does not answer: waiting for a named one is progress."""
        delay_s = 0.2
        while True:
            try:
                result = await call()
            except Unavailable as error:
                self.waiting_for[agent] = str(error)
                self.moved_at = time.monotonic()
                logger.warning("%s waits: %s", agent, error)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, 5.0)
            else:
                self.moved(agent)
                return result


def new_app(name: str, settings: KafkaSettings, datadir: Path, *, buffered_messages: int = 8192) -> faust.App:
    """An application without agents; ``name`` is its consumer group.

    We keep nothing in the library's ``datadir``. Each agent holds ``buffered_messages`` before it stops
    reading on.
    """
    return faust.App(
        name,
        datadir=datadir,
        broker=";".join(f"kafka://{a.strip()}" for a in settings.bootstrap.split(",")),
        broker_credentials=_credentials(settings),
        store="memory://",
        value_serializer="raw",
        key_serializer="raw",
        topic_partitions=settings.partitions,
        topic_disable_leader=True,
        topic_allow_declare=False,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=min(0.5, settings.session_timeout_s / 6),
        broker_commit_interval=1.0,
        broker_commit_every=100_000,
        broker_max_poll_interval=LONGEST_WAIT_S,
        broker_max_poll_records=POLLED,
        consumer_metadata_max_age_ms=kafka.METADATA_MS,
        stream_buffer_maxsize=buffered_messages,
        stream_wait_empty=False,
        consumer_max_fetch_size=8 << 20,
        consumer_auto_offset_reset="earliest",
        producer_max_request_size=64 << 20,
        web_enabled=False,
        autodiscover=False,
    )


class _Worker(faust.Worker):
    """Ends when it is told to, also where the library does not."""

    stop_within_s: float

    async def stop(self) -> None:
        """Stop; if it takes too long, end as a crash would: what is not acknowledged comes again."""
        limit = threading.Timer(self.stop_within_s, self._give_up)
        limit.daemon = True
        limit.start()
        await super().stop()

    def _give_up(self) -> None:
        logger.error(
            "not stopped within %.0f s of being told to: ends now, what is not acknowledged comes again",
            self.stop_within_s,
        )
        try:
            for task in asyncio.all_tasks(self.loop):
                task.print_stack(limit=1)  # what it waits for is told apart by where
        finally:
            process.end(UNAVAILABLE)


def run_app(app: faust.App, *, stop_within_s: float = STOP_WITHIN_S) -> int:
    """Run an application until it is told to stop; its exit code."""
    spare_the_state()
    worker = _Worker(app, loglevel=logging.WARNING, redirect_stdouts=False, quiet=True)
    worker.stop_within_s = stop_within_s
    try:
        worker.execute_from_commandline()  # ends by raising
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else DEFECT


def _credentials(settings: KafkaSettings) -> Any:
    """What the library wants of `connection`; ``None``: nothing but the address."""
    arguments = connection(settings)
    context = arguments.get("ssl_context")
    if "sasl_mechanism" in arguments:
        return SASLCredentials(
            username=arguments["sasl_plain_username"],
            password=arguments["sasl_plain_password"],
            mechanism=arguments["sasl_mechanism"],
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None


def topic_of(app: faust.App, topic: kafka.Topic, buffered_messages: int | None = None) -> Any:
    """A topic of raw bytes; its agent holds ``buffered_messages``, or as many as the application says."""
    made: Any = app.topic(
        topic.name,
        value_type=bytes,
        value_serializer="raw",
        key_type=bytes,
        key_serializer="raw",
    )
    made.maxsize = buffered_messages  # the library takes it as an argument, and forgets it
    return made


def raw_message(event: Any) -> RawMessage:
    """What the stages read of an event."""
    m = event.message
    headers = m.headers.items() if hasattr(m.headers, "items") else (m.headers or ())
    return RawMessage(m.topic, m.partition, m.offset, event.value or b"", m.key, dict(headers))


async def in_order(app: faust.App, order: InOrder, health: Health, events: Sequence[Any]) -> list[Any]:
    """The events that may be worked on; a partition with a gap is read again from where it begins.

    None, if partitions changed hands meanwhile: then all are read again from what is committed.
    """
    generation = order.generation
    messages = [raw_message(e) for e in events]

    async def sift() -> Sifted:
        return await asyncio.to_thread(order.sift, messages)

    sifted = await health.until_available("order", sift)
    if order.generation != generation:
        return []
    order.take(sifted)
    for (topic, partition), offset in sifted.rewind.items():
        logger.warning("%s/%d is read again from %d", topic, partition, offset)
        await app.consumer.seek(TP(topic, partition), offset)
    return [events[i] for i in sifted.kept]


async def commit(app: faust.App, within_s: float) -> None:
    """Commit what is acknowledged by now, if the broker takes it in time.

    Who asks the library while a commit is under way is let wait for that one, which may have begun before the
    last acknowledgements; the second time it has not.
    """
    try:
        async with asyncio.timeout(within_s):
            for _ in range(2):
                await app.consumer.commit()
    except TimeoutError:
        logger.warning("nothing is committed within %.0f s: what was done since is done again", within_s)


def committed_of(app: faust.App) -> Callable[[Place], int | None]:
    """From where the application reads a partition that it has just been given, once it knows."""

    def committed(place: Place) -> int | None:
        consumer: Any = app.consumer
        offset: int | None = consumer._committed_offset.get(TP(*place))  # noqa: SLF001 - there is no public one
        return offset

    return committed


def end_of(app: faust.App) -> Callable[[Place], End | None]:
    """Where a partition of the application ends, as the last answer to a fetch said."""

    def end(place: Place) -> End | None:
        driver: Any = app.consumer
        consumer = driver._thread._ensure_consumer()  # noqa: SLF001 - there is no public one
        partition = TP(*place)
        if partition not in consumer.assignment():
            return None
        offset, told_ms = consumer.highwater(partition), consumer.last_poll_timestamp(partition)
        return None if offset is None or told_ms is None else End(offset, told_ms)

    return end


def watch(app: faust.App, health: Health) -> None:
    """End the process when messages wait and nothing moves."""

    @app.timer(interval=5.0, name="watchdog")  # type: ignore[untyped-decorator]
    async def watchdog() -> None:
        if health.pending and time.monotonic() - health.moved_at > WATCHDOG_S:
            logger.critical("%d messages wait and nothing moved for %.0f s", health.pending, WATCHDOG_S)
            process.end(UNAVAILABLE)


class Guard:
    """The outermost guard: a defect ends the process at once, so nothing half done is acknowledged."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if error is not None and isinstance(error, Exception):
            logger.critical("defect in %s", self._where, exc_info=(type(error), error, trace))
            process.end(DEFECT)
