"""Space that is kept free on a disk: below it nothing new is accepted, so that nothing accepted is lost.

A full disk fails in the middle of a write. chDB stores what it had not finished (measured with 26.9: a merge
that meets ``ENOSPC`` replaces its sources with a part whose last files are empty). So the last bytes are
never given out: writers are refused while there is still space for what is under way.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

MIB = 1 << 20
SHARE = 0.10
MOST_BYTES = 512 * MIB
"""The reserve is this share of a disk and at most so much, unless a setting says how much."""
BACK = 1.25
"""Writers are let in again when so many times the reserve is free: no flapping at the edge."""
LOOK_S = 0.25

Usage = Callable[[Path], tuple[int, int]]
"""Free and total bytes of the disk of a path."""


def usage(path: Path) -> tuple[int, int]:
    """Bytes that are free for us and bytes in all on the disk of a path, or of its first folder that exists.

    Raises
    ------
    OSError
        If the file system does not say.
    """
    while not path.exists() and path != path.parent:
        path = path.parent
    seen = os.statvfs(path)
    return seen.f_bavail * seen.f_frsize, seen.f_blocks * seen.f_frsize


def reserve_bytes(total: int, chosen_mib: int = 0) -> int:
    """How much of a disk of ``total`` bytes is kept free; ``chosen_mib`` is the setting, 0 for the usual."""
    return chosen_mib * MIB if chosen_mib else min(round(total * SHARE), MOST_BYTES)


class DiskReserve:
    """Whether the disk of a folder still has its reserve; may be asked by any thread, for each request.

    Parameters
    ----------
    chosen_mib
        See `reserve_bytes`.
    look_s
        Seconds for which an answer is good: the file system is asked no more often.
    """

    def __init__(
        self,
        folder: Path,
        chosen_mib: int = 0,
        *,
        look_s: float = LOOK_S,
        disk: Usage = usage,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._chosen_mib = chosen_mib
        self._look_s = look_s
        self._disk = disk
        self._now = now
        self._lock = threading.Lock()
        self._next = float("-inf")
        self._low = False
        self.free = 0
        """Bytes that were free at the last look."""
        self.reserve = 0
        """Bytes that are to be free."""

    @property
    def problem(self) -> str | None:
        """Why nothing new is accepted, and what helps; ``None`` while there is space."""
        with self._lock:
            if self._now() >= self._next:
                self._look()
            if not self._low:
                return None
            return (
                f"the disk of {self._folder} has {self.free / MIB:.0f} MiB free and "
                f"{self.reserve / MIB:.0f} MiB are kept in reserve: nothing new is accepted until there is "
                "more space (delete what is not needed, or take a larger disk); what was acknowledged is kept"
            )

    def look(self) -> bool:
        """Ask the file system now; whether the reserve is used."""
        with self._lock:
            self._look()
            return self._low

    def _look(self) -> None:
        self._next = self._now() + self._look_s
        try:
            self.free, total = self._disk(self._folder)
        except OSError:
            return  # what cannot be looked at is as it was: writers meet the error themselves
        self.reserve = reserve_bytes(total, self._chosen_mib)
        self._low = self.free < self.reserve * (BACK if self._low else 1.0)
