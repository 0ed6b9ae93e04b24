"""Keeps the embedded engine away from a full disk: refuses rows, stops merges, knows when it was too late.

Below the reserve (`infra.disk_reserve`) statements that add data are refused; below half of it merges stop,
which until then may free space. If the disk is full all the same, because another program was faster, an
insert that was under way is not acknowledged, and the engine is opened again when there is space: at start it
finds parts that were not written to their end and takes the parts they were merged from instead.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from infra.disk_reserve import MIB, DiskReserve

logger = logging.getLogger(__name__)

EVERY_S = 0.02
"""Between two looks: a fast writer takes a gigabyte a second."""
FULL_BYTES = 4 * MIB
"""With less free a write under way may have failed: the engine itself reserves 1 MiB for a part."""


class DiskGuard:
    """Watches from a thread of its own between `start` and `stop`.

    Parameters
    ----------
    reserve
        The disk.
    stop_merges, start_merges
        Called when the space gets scarce, and when there is enough of it again.
    reopen
        Called once when there is space again after the disk was full.
    """

    def __init__(
        self,
        reserve: DiskReserve,
        *,
        stop_merges: Callable[[], None],
        start_merges: Callable[[], None],
        reopen: Callable[[], None],
    ) -> None:
        self._reserve = reserve
        self._stop_merges = stop_merges
        self._start_merges = start_merges
        self._reopen = reopen
        self._acting = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="disk-guard", daemon=True)
        self._stopped = False
        self._was_full = False
        self.times_full = 0
        """Looks that found the disk full."""

    @property
    def problem(self) -> str | None:
        """Why rows are refused; ``None`` while there is space."""
        return self._reserve.problem

    def start(self) -> None:
        """Begin to watch."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._end.set()
        self._thread.join()

    def was_full_since(self, times_full: int) -> bool:
        """Whether the disk was full after `times_full` was so many, or is now; does not block."""
        self._note()
        return self.times_full != times_full

    def _note(self) -> bool:
        low = self._reserve.look()
        if self._reserve.free < min(FULL_BYTES, self._reserve.reserve / 4):
            self.times_full += 1
            self._was_full = True
        return low

    def look(self) -> None:
        """Look once, and do what has to be done."""
        with self._acting:
            self._act(self._note())

    def _act(self, low: bool) -> None:
        free, reserve = self._reserve.free, self._reserve.reserve
        if free < reserve / 2 and not self._stopped:
            self._stop_merges()
            self._stopped = True
            logger.warning("%s; merges are stopped", self._reserve.problem)
        elif not low and self._was_full:
            self._end.set()  # nothing may be merged before it is opened again
            logger.warning("there is space again after the disk was full: the engine is opened again")
            self._reopen()
        elif not low and self._stopped:
            self._start_merges()
            self._stopped = False
            logger.warning("there is space again: merges go on")

    def _watch(self) -> None:
        while not self._end.wait(EVERY_S):
            try:
                self.look()
            except Exception:
                logger.exception("the disk could not be guarded")
