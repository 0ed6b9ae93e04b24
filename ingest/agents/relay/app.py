"""The relay's Faust application: reads the open topics, sends on, acknowledges. Beside `ingest.agents.app`.

It is an application and consumer group of its own, so that a flood at this door is its lag alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import faust

from infra import kafka
from infra.settings import KafkaSettings
from ingest.agents.relay.relay import Relay
from ingest.agents.stream import (
    WITHIN_S,
    Guard,
    Health,
    committed_of,
    in_order,
    new_app,
    raw_message,
    topic_of,
    watch,
)
from ingest.errors import Unavailable
from ingest.gateway.intake import Intake
from ingest.gateway.producer import Producer
from ingest.messages import Output
from ingest.topics.batches import batches
from ingest.topics.in_order import InOrder, IsHole
from ingest.topics.sender import Sender

GROUP = "lightship-relay"
OPEN = (kafka.SPANS_IN.name, kafka.LOGS_IN.name)
BATCH = 64
BUFFERED = 16
"""Messages an agent holds beside its batch: a Collector's may be 8 MiB each."""
AT_ONCE_BYTES = 16 << 20
"""Bytes of messages that are taken apart at the same time; a larger message alone."""
NS_PER_US = 1000
BLANK_EVERY_S = 300.0


def build_relay(
    settings: KafkaSettings,
    relay: Relay,
    intake: Intake,
    producer: Producer,
    sender: Sender,
    health: Health,
    is_hole: IsHole,
    datadir: Path = Path("relay"),
) -> faust.App:
    """The application; ``producer`` is the intake's, ``sender`` sends dead letters."""
    app = new_app(GROUP, settings, datadir, buffered_messages=BUFFERED)
    order = InOrder(committed_of(app), is_hole)

    async def one(event: Any) -> None:
        stamped_ns = round(event.message.timestamp * 1e6) * NS_PER_US
        raw = raw_message(event)

        async def step() -> None:
            if producer.problem is not None:
                raise Unavailable(producer.problem)
            letter = await relay.forward(raw, stamped_ns)
            if letter is not None:
                letters.append(letter)

        letters: list[Output] = []
        await health.until_available("relay", step)
        await health.until_available("dead letters", lambda: sender.send(letters))

    async def take(stream: Any) -> None:
        async for taken in batches(stream, BATCH, AT_ONCE_BYTES, WITHIN_S):
            with Guard("relay"):
                events = await in_order(app, order, health, taken)
                health.pending += len(events)
                for some in in_turns(events):
                    await asyncio.gather(*map(one, some))
                for event in events:
                    await stream.ack(event)
                    place = (event.message.topic, event.message.partition)
                    last_is_blank[place] = not event.value
                health.pending -= len(events)

    last_is_blank: dict[tuple[str, int], bool] = {}

    @app.timer(interval=BLANK_EVERY_S, name="blanks")  # type: ignore[untyped-decorator]
    async def blanks() -> None:
        """End each partition with an empty message: the embedded broker keeps the last one for good."""
        with Guard("blanks"):
            owned = [(tp.topic, tp.partition) for tp in app.consumer.assignment()]
            blank = [Output(t, None, b"", p) for t, p in owned if t in OPEN and not last_is_blank.get((t, p))]
            await health.until_available("blanks", lambda: sender.send(blank))

    app.agent(topic_of(app, kafka.SPANS_IN), name="relay-spans", concurrency=1)(take)
    app.agent(topic_of(app, kafka.LOGS_IN), name="relay-logs", concurrency=1)(take)
    watch(app, health)

    @app.task  # type: ignore[untyped-decorator]
    async def connect() -> None:
        await producer.start()
        await intake.start()

    async def assigned(_: Any, partitions: Iterable[Any], **__: Any) -> None:
        order.forget((tp.topic, tp.partition) for tp in partitions)
        health.assigned = True

    async def revoked(_: Any, partitions: Iterable[Any], **__: Any) -> None:
        order.forget((tp.topic, tp.partition) for tp in partitions)

    async def stopping(*_: Any, **__: Any) -> None:
        with Guard("shutdown"):
            await intake.close()
            await sender.close()

    hooks: Any = app  # signal types of the library want keyword names it never passes
    hooks.on_partitions_assigned.connect(assigned)
    hooks.on_partitions_revoked.connect(revoked)
    hooks.on_before_shutdown.connect(stopping)
    return app


def in_turns(events: Sequence[Any]) -> Iterator[list[Any]]:
    """The events in groups of at most `AT_ONCE_BYTES`, in order."""
    group: list[Any] = []
    size = 0
    for event in events:
        more = len(event.value or b"")
        if group and size + more > AT_ONCE_BYTES:
            yield group
            group, size = [], 0
        group.append(event)
        size += more
    if group:
        yield group
