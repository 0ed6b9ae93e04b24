"""A process says that it starts, so that many starts of one are seen where no supervisor counts them.

In containers the platform starts again what ends, and tells nobody. Each process writes a row when it starts;
the alerts service reads them.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Mapping
from contextlib import closing

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra import clickhouse
from infra.clock import NS_PER_MS
from infra.embedded.restart_loop import KEPT, Restarted
from infra.errors import InfraError
from infra.instance import VARIABLE
from infra.settings import StoreSettings

logger = logging.getLogger(__name__)

WAIT_S = 10.0
"""How long a start waits for its row: a process that ends at once must have said that it started."""

_STARTS = f"""
SELECT process, host, arraySlice(arraySort(groupArray(toUnixTimestamp64Milli(started_at))), -{KEPT})
FROM process_starts
WHERE started_at >= now() - toIntervalDay(7)
GROUP BY process, host
ORDER BY process, host
LIMIT 1000
"""  # noqa: S608 - a number of ours


def report_start(
    settings: StoreSettings, process: str, environ: Mapping[str, str] = os.environ, wait_s: float = WAIT_S
) -> None:
    """Write that a process starts; where a supervisor counts starts, or there is no store, nothing.

    A store that does not answer is no reason not to start: it goes on after ``wait_s``.
    """
    if environ.get(VARIABLE) or not settings.url:
        return
    writing = threading.Thread(target=_write, args=(settings, process), name="start", daemon=True)
    writing.start()
    writing.join(wait_s)


def _write(settings: StoreSettings, process: str) -> None:
    try:
        with closing(clickhouse.connect(settings)) as client:
            client.insert("process_starts", [[process, socket.gethostname()]], ["process", "host"])
    except (InfraError, ClickHouseError, OSError) as error:
        logger.info("that this process starts could not be stored: %s", str(error)[:200])


def read_starts(client: Client) -> list[Restarted]:
    """Processes without a supervisor, by name and host; every start but the first is a restart."""
    found = []
    for process, host, times_ms in client.query(_STARTS).result_rows:
        again = tuple(int(ms) * NS_PER_MS for ms in times_ms[1:])
        found.append(Restarted(f"{process} on {host}", len(again), again))
    return found
