"""The fleet shard's Faust application: reads the log of closed ticks, applies, sends findings, acknowledges.

It is an application and consumer group of its own: its topic has one partition, those of the workers have
others. Any number of processes may run; one has the partition.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

import faust

from infra import kafka
from infra.settings import KafkaSettings
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
from ingest.messages import Output, RawMessage
from ingest.topics.in_order import InOrder, IsHole
from ingest.topics.sender import Sender

T = TypeVar("T")

GROUP = "lightship-fleet"
BATCH = 64
BUFFERED = 128
"""Messages that are held: each has the ticks of many services."""
SNAPSHOT_EVERY_S = 30.0
LEAVE_S = 8.0


class Stage(Protocol):
    """Messages of the log to findings."""

    def process(self, messages: Sequence[RawMessage]) -> Sequence[Output]:
        """Apply and store a batch; what to send."""

    def snapshot(self) -> int | None:
        """Write a snapshot; the offset up to which messages may be acknowledged."""

    def heartbeat(self) -> None:
        """Say how far it is, also when nothing came."""

    def revoke(self) -> None:
        """Forget the state: another process has the partition."""


class _Fleet:
    """What the agent, the timer and the hooks share."""

    def __init__(self, stage: Stage, sender: Sender, health: Health, order: InOrder) -> None:
        self.stage, self.sender, self.health, self.order = stage, sender, health, order
        self.held: list[tuple[Any, Any]] = []
        self.dirty = False
        self.lock = asyncio.Lock()
        self._pool = ThreadPoolExecutor(1, "fleet")

    async def call(self, name: str, work: Callable[..., T], *arguments: Any) -> T:
        """Run blocking work outside the loop until what it depends on answers."""

        async def once() -> T:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

        return await self.health.until_available(name, once)

    async def take(self, stream: Any, events: Sequence[Any], generation: int) -> None:
        """Apply a batch and send what comes of it; a snapshot never falls in between."""
        async with self.lock:
            if generation != self.order.generation:
                return  # they come again, to whom they now belong
            outputs = await self.call("fleet", self.stage.process, [raw_message(e) for e in events])
            await self.health.until_available("fleet", lambda: self.sender.send(outputs))
            self.held += [(stream, e) for e in events]
            self.dirty |= bool(events)

    async def settle(self) -> None:
        """Write a snapshot, then acknowledge what it covers."""
        async with self.lock:
            if not self.dirty:
                await self.call("heartbeat", self.stage.heartbeat)
                return
            upto = await self.call("snapshot", self.stage.snapshot) or 0
            covered = [(s, e) for s, e in self.held if e.message.offset < upto]
            self.held = [(s, e) for s, e in self.held if e.message.offset >= upto]
            self.dirty = False
        for stream, event in covered:
            await stream.ack(event)

    async def leave(self) -> None:
        """A last snapshot, if the store takes it in time."""
        try:
            async with asyncio.timeout(LEAVE_S):
                await self.settle()
        except TimeoutError:
            pass  # whoever goes on reads a little more again


def build_fleet(
    settings: KafkaSettings,
    stage: Stage,
    sender: Sender,
    health: Health,
    is_hole: IsHole,
    datadir: Path = Path("fleet"),
) -> faust.App:
    """The application with its agent, timers and hooks."""
    app = new_app(GROUP, settings, datadir, buffered_messages=BUFFERED)
    fleet = _Fleet(stage, sender, health, InOrder(committed_of(app), is_hole))

    async def take(stream: Any) -> None:
        async for taken in stream.noack_take(BATCH, within=WITHIN_S):
            with Guard("fleet"):
                generation = fleet.order.generation
                events = await in_order(app, fleet.order, health, taken)
                health.pending += len(events)
                await fleet.take(stream, events, generation)
                health.pending -= len(events)

    app.agent(topic_of(app, kafka.TICKS), name="fleet", concurrency=1)(take)
    watch(app, health)

    @app.timer(interval=SNAPSHOT_EVERY_S, name="snapshots")  # type: ignore[untyped-decorator]
    async def snapshots() -> None:
        with Guard("snapshots"):
            if app.consumer.assignment():
                await fleet.settle()

    def forget(partitions: Iterable[Any]) -> None:
        places = [(tp.topic, tp.partition) for tp in partitions]
        fleet.order.forget(places)
        if places:
            stage.revoke()
            fleet.held = []

    async def assigned(_: Any, partitions: Iterable[Any], **__: Any) -> None:
        with Guard("assign"):
            forget(partitions)
            health.assigned = True

    async def revoked(_: Any, partitions: Iterable[Any], **__: Any) -> None:
        with Guard("revoke"):
            lost = list(partitions)
            if lost:
                await fleet.leave()
            forget(lost)

    async def stopping(*_: Any, **__: Any) -> None:
        with Guard("shutdown"):
            await fleet.leave()
            await sender.close()

    hooks: Any = app  # signal types of the library want keyword names it never passes
    hooks.on_partitions_assigned.connect(assigned)
    hooks.on_partitions_revoked.connect(revoked)
    hooks.on_before_shutdown.connect(stopping)
    return app
