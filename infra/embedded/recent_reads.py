"""Where in each partition the broker has been reading lately.

A fetch lists a partition and then reads batches from its offset on. If a run of batches is replaced by one in
between, the fetch gets the new one and, as it listed them, the old ones too: records twice. So a run is left
alone while anything up to its end is being read, and while there is a list of which nothing was read yet.
Consumers that keep up read young batches only.
"""

from __future__ import annotations

import time
from collections.abc import Callable

WINDOW_S = 2.0


class RecentReads:
    """Smallest key read per folder in the last `WINDOW_S` to twice that."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._turned_s = clock_s()
        self._current: dict[str, str] = {}
        self._before: dict[str, str] = {}
        self._listed: dict[str, float] = {}

    def listed(self, folder: str) -> None:
        """A folder is listed now; what its reader will read is not known until it reads."""
        self._listed[folder] = self._clock_s()

    def note(self, key: str) -> None:
        """A key is read now."""
        self._turn()
        folder = key[: key.rfind("/") + 1]
        self._listed.pop(folder, None)
        lowest = self._current.get(folder)
        if lowest is None or key < lowest:
            self._current[folder] = key

    def reaches(self, key: str) -> bool:
        """Whether this key, or one before it in its folder, has been read lately."""
        self._turn()
        folder = key[: key.rfind("/") + 1]
        found = (self._current.get(folder), self._before.get(folder))
        return any(lowest is not None and lowest <= key for lowest in found)

    def may_begin(self, key: str) -> bool:
        """Whether a reader that has listed the key's folder may read anything in it next."""
        listed_s = self._listed.get(key[: key.rfind("/") + 1])
        return listed_s is not None and self._clock_s() - listed_s < WINDOW_S

    def _turn(self) -> None:
        now_s = self._clock_s()
        if now_s - self._turned_s >= WINDOW_S:
            self._before = self._current if now_s - self._turned_s < 2 * WINDOW_S else {}
            self._current = {}
            self._turned_s = now_s
