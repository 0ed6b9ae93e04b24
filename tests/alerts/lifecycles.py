"""Lives of the service in memory: a world that outlives processes, and processes that can be killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from alerts.briefs.brief import Links
from alerts.incident_service import IncidentService
from alerts.incidents.incident import Incident
from alerts.metrics import Metrics
from alerts.notify.pipeline import Pipeline
from alerts.notify.protocol import Delivery
from alerts.state.ports import Message, Setup, Source
from detectors.finding import Finding
from tests.alerts.invented import TIMING, at
from tests.alerts.memory import Channel, HandClock, Killed, MemoryPost, MemoryStore, Steps


class World:
    """What outlives a process: the log of findings, its committed offset, the store and the receiver."""

    def __init__(self, *findings: Finding | bytes, batch: int = 2) -> None:
        self.log = [f if isinstance(f, bytes) else f.to_json().encode() for f in findings]
        self.committed = 0
        self.batch = batch
        self.steps = Steps()
        self.store = MemoryStore(self.steps)
        self.post = MemoryPost(self.steps)
        self.channel = Channel(self.steps)
        self.clock = HandClock()

    def process(self, route: Callable[[Incident], tuple[str, ...]] = lambda _: ("hook",)) -> Process:
        return Process(self, route)

    def run(self) -> Process:
        """A process that reads the whole log; killed ones are started again."""
        while True:
            process = self.process()
            try:
                process.read()
            except Killed:
                continue
            return process


class Process:
    """One life of the service, without threads."""

    def __init__(self, world: World, route: Callable[[Incident], tuple[str, ...]]) -> None:
        self.world = world
        self.pipeline = Pipeline(world.channel, world.store, world.clock, lambda: 0.5)
        setup = Setup(TIMING, route, Links("http://dashboard", "http://api", "0"))
        self.desk = IncidentService(setup, world.store, world.post, self.due, world.clock, Metrics())

    def due(self, delivery: Delivery, attempts: int, done: bool) -> None:
        if done:
            self.pipeline.finished([delivery.dedup_key])
        else:
            self.pipeline.add(delivery, attempts)

    def read(self) -> None:
        self.desk.load()
        self.send()
        self.read_on()

    def read_on(self) -> None:
        world = self.world
        while world.committed < len(world.log):
            end = min(world.committed + world.batch, len(world.log))
            places = range(world.committed, end)
            self.desk.apply([Message(Source("findings", 0, k), world.log[k]) for k in places])
            world.post.flush()
            self.send()
            world.steps("before commit")
            world.committed = end
        self.send()

    def send(self) -> None:
        for _ in range(3):
            self.world.clock.sleep(self.pipeline.run() if self.pipeline.waiting else 0)


def ended(finding: Finding, clock: str) -> Finding:
    return replace(finding, status="confirmed", ended_at=at(clock), made_at=at(clock))


def look_twice(desk: IncidentService) -> None:
    """A look judges what the one before saw."""
    desk.elapse()
    desk.elapse()
