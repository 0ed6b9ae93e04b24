"""Time, injected: everything that needs "now" takes a `Clock`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


class Clock(Protocol):
    """Tells the time and waits."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds``."""


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return time.time_ns()

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds``."""
        time.sleep(seconds)


STEP_NS = 60 * NS_PER_S
"""A wall clock that is set by more than this has jumped; less is an adjustment, and followed at once."""
LASTING_NS = 300 * NS_PER_S
"""How long a jump must last to be believed."""
_ELAPSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine sleeps, which is no jump."""


def elapsed_ns() -> int:
    """Nanoseconds since the machine started, whatever its wall clock is set to."""
    return time.clock_gettime_ns(_ELAPSED)


class SteadyClock:
    """The machine's clock, on which a jump counts only once it has lasted `LASTING_NS`.

    For a process whose "now" closes windows of time: an hour that passes in an instant makes everything late
    that comes after, and an hour that comes twice counts nothing until it is over. A clock that was set right
    is followed a few minutes later.

    Parameters
    ----------
    wall_ns
        Nanoseconds since 1970 UTC, which may jump.
    steady_ns
        Nanoseconds since any moment, which do not.
    """

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, steady_ns: Callable[[], int] = elapsed_ns
    ) -> None:
        self._wall_ns, self._steady_ns = wall_ns, steady_ns
        self._ahead_ns = wall_ns() - steady_ns()
        self._jumped: tuple[int, int] | None = None

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        steady_ns = self._steady_ns()
        ahead_ns = self._wall_ns() - steady_ns
        if abs(ahead_ns - self._ahead_ns) <= STEP_NS:
            self._ahead_ns, self._jumped = ahead_ns, None
            return steady_ns + ahead_ns
        jumped = self._jumped
        if jumped is None or abs(ahead_ns - jumped[0]) > STEP_NS:
            self._jumped = jumped = (ahead_ns, steady_ns)
        if steady_ns - jumped[1] >= LASTING_NS:
            self._ahead_ns, self._jumped = ahead_ns, None
        return steady_ns + self._ahead_ns

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds``."""
        time.sleep(seconds)


def to_datetime(at_ns: int) -> datetime:
    """Aware UTC time, cut to microseconds, for the edges."""
    seconds, rest = divmod(at_ns, NS_PER_S)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def to_ns(at: datetime) -> int:
    """Inverse of `to_datetime`.

    Raises
    ------
    ValueError
        If ``at`` has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"time without a zone: {at!r}")
    delta = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * NS_PER_S + delta.microseconds * 1000
