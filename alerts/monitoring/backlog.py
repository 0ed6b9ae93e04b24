"""Whether what lies in Kafka is processed: records that wait while the position behind them stands still.

Progress that is written is no proof: a worker that fails on one record after every start writes it each time.
The position does not move, and a record lies there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

from kafka import KafkaConsumer
from kafka.errors import KafkaError

from alerts.errors import Unavailable
from alerts.faults import Faults
from alerts.notify.self_monitoring import WAITING, Look
from detectors.finding import ALL
from infra.clock import NS_PER_S, Clock
from infra.kafka import client, unreachable
from infra.settings import KafkaSettings
from infra.supervised_thread import SupervisedThread
from infra.waiting_records import Place, oldest_waiting

logger = logging.getLogger(__name__)

EVERY_S = 20.0
UNMOVED_S = 90.0
"""How long a position may stand still with a record at it: a page comes within two minutes.

A worker that is behind moves every partition in less. One that waits for a store that is away stands still,
and that is a page.
"""


@dataclass(frozen=True, slots=True)
class Position:
    """A position, and since when it is there."""

    offset: int
    since_ns: int


class Backlog:
    """Remembers positions. Pure."""

    def __init__(self) -> None:
        self._stands: dict[Place, Position] = {}

    def look(self, positions: Mapping[Place, int], waiting: Mapping[Place, int], now_ns: int) -> Look:
        """Whether records wait and nothing moves.

        Parameters
        ----------
        positions
            Next offset to be processed, by topic and partition.
        waiting
            Partitions with a record at their position, and when it was written (ms since 1970 UTC).
        """
        for place, offset in positions.items():
            stand = self._stands.get(place)
            if stand is None or stand.offset != offset or place not in waiting:
                self._stands[place] = Position(offset, now_ns)
        stuck = {p: s for p, s in self._stands.items() if now_ns - s.since_ns >= UNMOVED_S * NS_PER_S}
        if not stuck:
            return Look(WAITING, ALL, None)
        topics = ", ".join(sorted({topic for topic, _ in stuck}))
        note = f"records wait in {topics} and none is processed: {len(stuck)} partitions stand still"
        return Look(WAITING, ALL, min(s.since_ns for s in stuck.values()), note=note)


class BacklogWatch:
    """Looks every so often, on a thread of its own: a broker that is slow keeps nobody waiting."""

    def __init__(
        self, settings: KafkaSettings, positions: Callable[[], dict[Place, int]], clock: Clock, faults: Faults
    ) -> None:
        self._settings, self._positions, self._clock = settings, positions, clock
        self._backlog = Backlog()
        self._latest: Look | None = None
        self._faults = faults
        self.loop = SupervisedThread("backlog", self._run, self._failed, first_s=EVERY_S)

    def start(self) -> None:
        """Begin."""
        self.loop.start()

    def stop(self, wait_s: float) -> None:
        """End."""
        self.loop.stop(wait_s)

    def looks(self) -> list[Look]:
        """What was seen last; nothing, if it cannot be seen now."""
        latest = self._latest
        return [] if latest is None else [latest]

    def _run(self) -> float:
        try:
            positions = self._positions()
            waiting = self._waiting(positions)
        except Unavailable as error:
            logger.info("whether records wait cannot be seen: %s", error)
            self._latest = None
        else:
            self._latest = self._backlog.look(positions, waiting, self._clock.now_ns())
        return EVERY_S

    def _failed(self, error: Exception) -> None:
        self._latest = None
        self._faults.note("watching records that wait", error)

    def _waiting(self, positions: Mapping[Place, int]) -> dict[Place, int]:
        try:
            consumer = KafkaConsumer(
                client_id="lightship-backlog",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=1 << 16,
                **client(self._settings),
            )
        except KafkaError as error:
            raise Unavailable(str(unreachable(self._settings))) from error
        with closing(consumer):
            try:
                return oldest_waiting(consumer, positions)
            except KafkaError as error:
                raise Unavailable(f"Kafka at {self._settings.bootstrap}: {error}") from error
