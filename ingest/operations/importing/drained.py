"""Has everything sent under a lineage been scored and detected? Read from the stored observation log."""

from __future__ import annotations

import time
from collections.abc import Callable

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from detectors.observation import Mark, WrongFormat, decode
from infra.kafka import SPANS
from ingest.errors import Unavailable

_MARKS = """
SELECT partition, blob FROM observations
WHERE tenant = %(tenant)s AND lineage = %(lineage)s AND kind = 'mark'
ORDER BY partition, offset DESC LIMIT 200 BY partition
"""


def has_ended(client: Client, tenant: str, lineage: str, partitions: int) -> bool:
    """Whether every shard has applied the end of the lineage from every source partition.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    try:
        rows = client.query(
            _MARKS, {"tenant": tenant, "lineage": lineage}, column_formats={"blob": "bytes"}
        ).result_rows
    except ClickHouseError as error:
        raise Unavailable(f"ClickHouse did not answer: {error}") from error
    ended: dict[int, dict[int, bool]] = {}
    for shard, blob in rows:
        try:
            message = decode(bytes(blob))
        except WrongFormat:
            continue
        if isinstance(message, Mark) and message.topic == SPANS.name:
            ended.setdefault(int(shard), {}).setdefault(message.partition, message.ended)
    return len(ended) == partitions and all(
        len(sources) == partitions and all(sources.values()) for sources in ended.values()
    )


def wait_until_drained(
    done: Callable[[], bool],
    *,
    timeout_s: float,
    every_s: float = 0.5,
    say: Callable[[float], None] | None = None,
) -> None:
    """Wait until ``done()`` says so; ``say`` hears the seconds waited.

    Raises
    ------
    Unavailable
        If it does not within ``timeout_s``.
    """
    start = time.monotonic()
    while not done():
        waited = time.monotonic() - start
        if waited > timeout_s:
            raise Unavailable(f"not everything was processed within {timeout_s:.0f} s: see the worker's log")
        if say is not None:
            say(waited)
        time.sleep(every_s)
