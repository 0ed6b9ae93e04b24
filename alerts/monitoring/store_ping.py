"""Whether the store answers, asked at most every few seconds while it does."""

from __future__ import annotations

from collections.abc import Callable

from alerts.errors import Unavailable
from infra.clock import NS_PER_S, Clock

PING_EVERY_S = 5.0


class StorePing:
    """``ping`` raises `Unavailable` if the store does not answer."""

    def __init__(self, ping: Callable[[], object], clock: Clock) -> None:
        self._ping, self._clock = ping, clock
        self._asked_ns, self._is_well = 0, False

    def problem(self) -> str | None:
        """Why the store does not answer, if it does not."""
        now_ns = self._clock.now_ns()
        if self._is_well and now_ns - self._asked_ns <= PING_EVERY_S * NS_PER_S:
            return None
        self._asked_ns = now_ns
        try:
            self._ping()
        except Unavailable as error:
            self._is_well = False
            return str(error)
        self._is_well = True
        return None
