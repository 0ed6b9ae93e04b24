"""The Faust application: wires stages 1 and 2 to the stream.

Each agent takes a batch, gives it to a stage in a thread, sends what the stage asks for, and acknowledges.
There are no Faust tables and no transactions: state lives in the stages, snapshots in ClickHouse. What every
application of ours needs stands in `ingest.agents.stream`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import faust

from infra import kafka
from infra.settings import KafkaSettings
from ingest.agents.stream import (
    WITHIN_S,
    Guard,
    Health,
    commit,
    committed_of,
    end_of,
    in_order,
    new_app,
    raw_message,
    topic_of,
    watch,
)
from ingest.errors import BrokenDeploy, Unavailable
from ingest.messages import Output, RawMessage
from ingest.topics.batches import batches
from ingest.topics.in_order import InOrder, IsHole
from ingest.topics.sender import Sender
from ingest.topics.unread import unread

logger = logging.getLogger(__name__)
T = TypeVar("T")

BATCH = 256
BATCH_BYTES = 8 << 20
"""Decoded a batch takes some ten times as much memory."""
RAW_BUFFER = 128
"""Raw messages an agent holds beside its batch: they are a hundred times as large as observations."""
MARK_EVERY_S = 5.0
SNAPSHOT_EVERY_S = 30.0
SNAPSHOT_EVERY_MESSAGES = 20_000
DAYS_EVERY_S = 120.0
"""Between two times that days are summed up."""
LEAVE_S = 8.0
"""How long what is under way is waited for when partitions are given away or the process is told to stop."""
COMMIT_S = 3.0
"""How long the last commit may take: all of it is over before a supervisor, which waits 20 s, kills."""
STOPPED_S = 20.0
"""How long a worker that stops says so, to probes and scrapes."""


class Score(Protocol):
    """Stage 1: raw messages to stored rows and observations."""

    def process(self, messages: Sequence[RawMessage]) -> Sequence[Output]:
        """Score and store a batch; what must be sent before it is acknowledged, in order."""

    def acknowledged(self, messages: Sequence[RawMessage]) -> None:
        """The batch is stored, sent and acknowledged."""

    def idle_marks(
        self,
        partitions: Iterable[tuple[str, int]],
        now_ns: int,
        behind: Container[tuple[str, int]] = (),
    ) -> Sequence[Output]:
        """Marks of owned source partitions that have nothing to read; those ``behind`` have."""

    def revoke(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Forget what was known of partitions that went to another worker."""


class Detect(Protocol):
    """Stage 2: observations to cells and findings."""

    def process(self, messages: Sequence[RawMessage]) -> Sequence[Output]:
        """Apply and store a batch; findings to send."""

    def snapshot(self, partitions: Iterable[int] | None = None) -> dict[int, int]:
        """Write snapshots; per partition the offset up to which messages may be acknowledged."""

    def heartbeat(self, partitions: Iterable[int]) -> None:
        """Say how far owned partitions are, also when nothing came: silence is never health."""

    def revoke(self, partitions: Iterable[int]) -> None:
        """Forget the state of partitions that went to another worker."""


@dataclass(slots=True)
class Wiring:
    """What the agents share."""

    score: Score
    detect: Detect
    sender: Sender
    health: Health
    now_ns: Callable[[], int]
    is_hole: IsHole
    sum_days: Callable[[], object]
    order: InOrder = field(init=False)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "stage"))
    held: dict[int, list[Any]] = field(default_factory=dict)
    since_snapshot: int = 0
    leaving: bool = False
    detect_lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        """Run blocking work outside the loop."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, call, *arguments)

    async def scored(self, messages: Sequence[RawMessage]) -> Sequence[Output]:
        """What stage 1 asks to have sent for a batch.

        If it stops because most records would die, that is said where it is heard before the process ends.
        """
        try:
            return await self.in_thread(self.score.process, messages)
        except BrokenDeploy as error:
            await self.sender.send(error.alarms)
            self.health.stopped = str(error)
            logger.critical("the worker stops: %s", error)
            await asyncio.sleep(STOPPED_S)
            raise

    async def until_available(self, agent: str, call: Callable[[], Awaitable[T]]) -> T:
        """As `Health.until_available`."""
        return await self.health.until_available(agent, call)

    async def begin(self, events: Sequence[Any]) -> None:
        """Note that these are being worked on; never returns if the worker is leaving.

        What it began before it was told to stop it ends, and it begins nothing that it might not end.
        """
        if self.leaving:
            await asyncio.Event().wait()
        self.health.pending += len(events)


def build(settings: KafkaSettings, wiring: Wiring, datadir: Path = Path("worker")) -> faust.App:
    """The application with its agents, timers and hooks."""
    app = new_app(kafka.GROUP, settings, datadir)
    wiring.order = InOrder(committed_of(app), wiring.is_hole)
    _score_agent(app, wiring)
    _detect_agent(app, wiring)
    _timers(app, wiring)
    _sum_days(app, wiring)
    return app


def _score_agent(app: faust.App, wiring: Wiring) -> None:
    spans, logs = (topic_of(app, t, RAW_BUFFER) for t in (kafka.SPANS, kafka.LOGS))

    async def score(stream: Any) -> None:
        async for taken in batches(stream, BATCH, BATCH_BYTES, WITHIN_S):
            with Guard("score"):
                events = await in_order(app, wiring.order, wiring.health, taken)
                if not events:
                    continue
                messages = [raw_message(e) for e in events]
                await wiring.begin(events)

                async def step(messages: Sequence[RawMessage] = messages) -> None:
                    await wiring.sender.send(await wiring.scored(messages))

                await wiring.until_available("score", step)
                for event in events:
                    await stream.ack(event)
                wiring.score.acknowledged(messages)
                wiring.health.pending -= len(events)

    app.agent(spans, name="score-spans", concurrency=1)(score)
    app.agent(logs, name="score-logs", concurrency=1)(score)


def _detect_agent(app: faust.App, wiring: Wiring) -> None:
    async def detect(stream: Any) -> None:
        async for taken in batches(stream, BATCH * 4, BATCH_BYTES, WITHIN_S):
            with Guard("detect"):
                generation = wiring.order.generation
                events = await in_order(app, wiring.order, wiring.health, taken)
                messages = [raw_message(e) for e in events]
                await wiring.begin(events)
                outputs: list[Output] = []

                async def apply(
                    messages: Sequence[RawMessage] = messages,
                    outputs: list[Output] = outputs,
                    generation: int = generation,
                ) -> None:
                    if generation == wiring.order.generation:  # else they come again, to whom they now belong
                        outputs[:] = await wiring.in_thread(wiring.detect.process, messages)

                async def send(outputs: list[Output] = outputs) -> None:
                    await wiring.sender.send(outputs)

                async with wiring.detect_lock:  # a snapshot must not fall between applying and sending
                    await wiring.until_available("detect", apply)
                    await wiring.until_available("detect", send)
                    for event in events if generation == wiring.order.generation else ():
                        wiring.held.setdefault(event.message.partition, []).append((stream, event))
                        wiring.health.applied[event.message.partition] = event.message.offset + 1
                wiring.health.pending -= len(events)
                wiring.since_snapshot += len(events)
                if wiring.since_snapshot >= SNAPSHOT_EVERY_MESSAGES:
                    await _snapshot(wiring)

    app.agent(topic_of(app, kafka.OBSERVATIONS), name="detect", concurrency=1)(detect)


async def _settle(wiring: Wiring) -> None:
    """A last snapshot, if the store takes it: without one those who go on repeat a little more."""
    try:
        async with asyncio.timeout(LEAVE_S):
            await _snapshot(wiring)
    except TimeoutError:
        logger.warning("no snapshot within %.0f s: what came since the last one is read again", LEAVE_S)


async def _snapshot(wiring: Wiring) -> None:
    """Write snapshots, then acknowledge what they cover: a commit never runs ahead of a snapshot."""

    async def write() -> dict[int, int]:
        return await wiring.in_thread(wiring.detect.snapshot)

    async with wiring.detect_lock:
        upto = await wiring.until_available("snapshot", write)
        wiring.since_snapshot = 0
    for partition, next_offset in upto.items():
        held = wiring.held.get(partition, [])
        covered = [(s, e) for s, e in held if e.message.offset < next_offset]
        wiring.held[partition] = [(s, e) for s, e in held if e.message.offset >= next_offset]
        for stream, event in covered:
            await stream.ack(event)


def _owned(app: faust.App, topics: Sequence[kafka.Topic]) -> list[tuple[str, int]]:
    names = {t.name for t in topics}
    return sorted((tp.topic, tp.partition) for tp in app.consumer.assignment() if tp.topic in names)


def _sum_days(app: faust.App, wiring: Wiring) -> None:
    @app.timer(interval=DAYS_EVERY_S, name="days")  # type: ignore[untyped-decorator]
    async def days() -> None:
        with Guard("days"):
            if (kafka.OBSERVATIONS.name, 0) in _owned(app, (kafka.OBSERVATIONS,)):  # one does it for all
                try:
                    await asyncio.to_thread(wiring.sum_days)
                except Unavailable as error:  # nothing waits for it
                    logger.warning("%s; again in %.0f s", error, DAYS_EVERY_S)


def _timers(app: faust.App, wiring: Wiring) -> None:
    @app.timer(interval=MARK_EVERY_S, name="idle-marks")  # type: ignore[untyped-decorator]
    async def idle_marks() -> None:
        with Guard("idle marks"):
            partitions = _owned(app, (kafka.SPANS, kafka.LOGS))
            now_ns = wiring.now_ns()
            behind = unread(partitions, end_of(app), committed_of(app), now_ns // 1_000_000)
            outputs = wiring.score.idle_marks(partitions, now_ns, behind)
            await wiring.until_available("idle marks", lambda: wiring.sender.send(outputs))

    @app.timer(interval=SNAPSHOT_EVERY_S, name="snapshots")  # type: ignore[untyped-decorator]
    async def snapshots() -> None:
        with Guard("snapshots"):
            if wiring.since_snapshot:
                await _snapshot(wiring)
            else:
                shards = [partition for _, partition in _owned(app, (kafka.OBSERVATIONS,))]
                async with wiring.detect_lock:
                    await wiring.until_available(
                        "heartbeat", lambda: wiring.in_thread(wiring.detect.heartbeat, shards)
                    )

    watch(app, wiring.health)

    async def assigned(_: Any, partitions: Iterable[Any], **__: Any) -> None:
        with Guard("assign"):
            forget(partitions)
            wiring.health.assigned = True

    async def revoked(_: Any, partitions: Iterable[Any], **__: Any) -> None:
        with Guard("revoke"):
            lost = list(partitions)
            await _settle(wiring)
            forget(lost)

    def forget(partitions: Iterable[Any]) -> None:
        """Given away, or given out anew: others may have gone on with them meanwhile."""
        places = [(tp.topic, tp.partition) for tp in partitions]
        shards = [partition for topic, partition in places if topic == kafka.OBSERVATIONS.name]
        wiring.order.forget(places)
        wiring.score.revoke([place for place in places if place[0] != kafka.OBSERVATIONS.name])
        wiring.detect.revoke(shards)
        for shard in shards:
            wiring.held.pop(shard, None)
            wiring.health.applied.pop(shard, None)

    async def stopping(*_: Any, **__: Any) -> None:
        wiring.leaving = True
        with Guard("shutdown"):
            for _wait in range(round(LEAVE_S / 0.05)):
                if wiring.health.waiting_for or not wiring.health.pending:
                    break
                await asyncio.sleep(0.05)
            await _settle(wiring)
            await commit(app, COMMIT_S)
            await wiring.sender.close()

    hooks: Any = app  # signal types of the library want keyword names it never passes
    hooks.on_partitions_assigned.connect(assigned)
    hooks.on_partitions_revoked.connect(revoked)
    hooks.on_before_shutdown.connect(stopping)
