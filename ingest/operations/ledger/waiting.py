"""Records that wait in the raw topics, and whether anything moves: balanced is not enough.

A worker that fails on one record after every start leaves an account that balances, with records pending for
ever. Records that have waited for `STUCK_S` while no partition's account grows for `LOOK_S` do not move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.clock import NS_PER_S, Clock
from infra.settings import KafkaSettings
from infra.waiting_records import oldest_waiting
from ingest.errors import Unavailable
from ingest.operations.ledger.topic_ends import CLIENT_ID
from ingest.repository.stage_store import Partition
from ingest.topics.reader import log_reader

STUCK_S = 300.0
"""How long a record may wait while nothing moves."""
LOOK_S = 20.0
"""How long is looked for a movement; a worker that works accounts for a batch in much less."""
EVERY_S = 2.0
MS_PER_S = 1_000

_NEXT = "SELECT topic, partition, max(offset) + 1 FROM ledger GROUP BY topic, partition"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Seconds for which the oldest record of a partition has waited, and whether the account moves."""

    ages_s: Mapping[Partition, float] = field(default_factory=dict)
    moving: bool = True

    @property
    def stuck(self) -> bool:
        """Whether records have waited for too long and none is processed."""
        return not self.moving and max(self.ages_s.values(), default=0.0) > STUCK_S

    def text(self) -> str:
        """What is wrong."""
        oldest_s = max(self.ages_s.values(), default=0.0)
        where = ", ".join(f"{topic}/{partition}" for topic, partition in sorted(self.ages_s))
        return f"records are pending, and not moving: the oldest has waited {oldest_s / 60:.0f} min ({where})"


def waiting_records(
    settings: KafkaSettings,
    pending: Mapping[Partition, int],
    nexts: Callable[[], Mapping[Partition, int]],
    clock: Clock,
) -> Waiting:
    """How long the pending records of partitions have waited; where that is long, whether anything moves.

    Parameters
    ----------
    pending
        Next offset of each partition that has records pending.
    nexts
        Asks for the next offsets anew.

    Raises
    ------
    Unavailable
        If a server does not answer.
    """
    if not pending:
        return Waiting()
    with log_reader(settings, CLIENT_ID, fetch_bytes=1 << 16) as consumer:
        written_ms = oldest_waiting(consumer, pending)
    now_ns = clock.now_ns()
    ages_s = {at: max(now_ns / NS_PER_S - ms / MS_PER_S, 0.0) for at, ms in written_ms.items()}
    if max(ages_s.values(), default=0.0) <= STUCK_S:
        return Waiting(ages_s)
    until_ns = now_ns + int(LOOK_S * NS_PER_S)
    while clock.now_ns() < until_ns:
        clock.sleep(EVERY_S)
        now = nexts()
        if any(now.get(at, 0) > offset for at, offset in pending.items()):
            return Waiting(ages_s)
    return Waiting(ages_s, moving=False)


def accounted(client: Client) -> dict[Partition, int]:
    """The next offset of each partition that has an account.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    try:
        rows = client.query(_NEXT).result_rows
    except ClickHouseError as error:
        raise Unavailable(f"ClickHouse did not answer for the ledger: {str(error)[:300]}") from error
    return {(str(topic), int(partition)): int(offset) for topic, partition, offset in rows}
