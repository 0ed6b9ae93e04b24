"""Imported by the interpreter at its start: the wall clock of this process is off by what a file says.

``time.time`` and ``time.time_ns`` follow the file named by ``CLOCK_OFFSET_FILE`` (seconds); the monotonic
clock stays as it is. A preloaded libfaketime would do the same for C code, but makes ``time.sleep`` fail.
"""

from __future__ import annotations

import os
import time

READ_AGAIN_S = 0.5


class _Offset:
    """What the file says, read again twice a second."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._read_at = -READ_AGAIN_S
        self._ns = 0

    def ns(self) -> int:
        """Nanoseconds to add."""
        now = time.monotonic()
        if now - self._read_at >= READ_AGAIN_S:
            self._read_at = now
            try:
                with open(self._path, encoding="ascii") as file:
                    self._ns = round(float(file.read()) * 1e9)
            except (OSError, ValueError):  # it was not written yet, or is gone: as before
                pass
        return self._ns


def install(path: str) -> None:
    """Let the wall clock follow a file."""
    offset, real_s, real_ns = _Offset(path), time.time, time.time_ns
    time.time = lambda: real_s() + offset.ns() / 1e9
    time.time_ns = lambda: real_ns() + offset.ns()


if "CLOCK_OFFSET_FILE" in os.environ:
    install(os.environ["CLOCK_OFFSET_FILE"])
