"""The two logs that findings rest on: how each is read, and the shard that applies it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from detectors import closed_ticks, observation
from detectors.closed_ticks import Report
from detectors.observation import Message, ServiceKey
from infra.kafka import OBSERVATIONS, TICKS, Topic
from ingest.agents.detect import log_row
from ingest.agents.detect.evidence import DETECT, FLEET
from ingest.agents.detect.run_config import RunConfig, engine
from ingest.agents.detect.shard import Shard
from ingest.agents.detect.writer import LOGS
from ingest.agents.fleet import stage as fleet
from ingest.agents.fleet.shard import FleetShard
from ingest.detection_settings import fleet_config

AnyMessage = Message | Report
AnyShard = Shard | FleetShard


@dataclass(frozen=True, slots=True)
class Log:
    """``read`` is its messages' format, ``told`` what a row says beside the message, ``make`` a new shard.

    ``make`` takes what it ran with, its partition, and the snapshot it goes on from; ``apply`` gives it a
    message and raises ``TypeError`` for one of the other log.
    """

    room: str
    topic: Topic
    read: Callable[[bytes], AnyMessage]
    log_row: Callable[[AnyMessage], tuple[str, ServiceKey]]
    make: Callable[[RunConfig, int, bytes | None], AnyShard]
    apply: Callable[[AnyShard, int, AnyMessage], None]

    @property
    def table(self) -> str:
        """Where it is kept."""
        return LOGS[self.room]


def _shard(run: RunConfig, partition: int, blob: bytes | None) -> Shard:
    e = engine(run.settings())
    made = (replace(e.config, config_hash=run.config_hash), e.partitions, e.lateness_ns, e.limits)
    shard = Shard(*made) if blob is None else Shard.unpack(blob, *made)
    shard.partition = partition
    return shard


def _fleet_shard(run: RunConfig, _: int, blob: bytes | None) -> FleetShard:
    settings = run.settings()
    made = (replace(fleet_config(settings), config_hash=run.config_hash), settings.kafka.partitions)
    return FleetShard(*made) if blob is None else FleetShard.unpack(blob, *made)


def _to_shard(shard: AnyShard, offset: int, message: AnyMessage) -> None:
    if not isinstance(shard, Shard) or isinstance(message, Report):
        raise TypeError(f"a {type(message).__name__} does not belong into this log")
    shard.apply(offset, message)


def _to_fleet_shard(shard: AnyShard, offset: int, message: AnyMessage) -> None:
    if not isinstance(shard, FleetShard) or not isinstance(message, Report | observation.Control):
        raise TypeError(f"a {type(message).__name__} does not belong into this log")
    shard.apply(offset, message)


def _told(message: AnyMessage) -> tuple[str, ServiceKey]:
    if isinstance(message, Report):
        return fleet.kind_and_owner(message)
    return log_row.kind_and_owner(message)


OBSERVED = Log(DETECT, OBSERVATIONS, observation.decode, _told, _shard, _to_shard)
CLOSED = Log(FLEET, TICKS, closed_ticks.decode, _told, _fleet_shard, _to_fleet_shard)
LOGS_BY_ROOM = {log.room: log for log in (OBSERVED, CLOSED)}
