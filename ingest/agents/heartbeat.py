"""A worker that was stopped for longer than its session must not go on: others have its partitions.

What it was just doing is harmless (it writes what they write), but it would go on for a while before the
broker tells it, with clocks that take its own sleep for silence. So it ends, and is started again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

EVERY_S = 0.2


class Heartbeat(threading.Thread):
    """Watches that the process runs.

    Parameters
    ----------
    limit_s
        How long it may have stood still.
    too_late
        Told how long it did, when it was longer.
    """

    def __init__(self, limit_s: float, too_late: Callable[[float], None]) -> None:
        super().__init__(name="pulse", daemon=True)
        self._limit_s = limit_s
        self._too_late = too_late

    def run(self) -> None:
        """Look several times a second, until the process ends."""
        last = time.monotonic()
        while True:
            time.sleep(EVERY_S)
            now = time.monotonic()
            if now - last > self._limit_s:
                self._too_late(now - last)
            last = now
