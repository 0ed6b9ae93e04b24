"""When restarts are a loop. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.clock import NS_PER_S

MANY = 3
"""Restarts within `WINDOW_S` that are a loop: two minutes' worth of a process that dies once a minute."""
WINDOW_S = 600.0
KEPT = 20
"""Times of restarts that are remembered."""


@dataclass(frozen=True, slots=True)
class Restarted:
    """How often a process was started again. ``times_ns`` are the latest restarts, oldest first.

    ``last`` says how it ended the last time, in words.
    """

    name: str
    count: int
    times_ns: tuple[int, ...]
    last: str = ""

    def recent(self, now_ns: int) -> int:
        """Restarts within the window (at most `KEPT`)."""
        return len(_recent(self.times_ns, now_ns))

    def loop_since_ns(self, now_ns: int) -> int | None:
        """When the loop began; ``None``: there is none."""
        recent = _recent(self.times_ns, now_ns)
        return recent[0] if len(recent) >= MANY else None

    def text(self, now_ns: int) -> str:
        """What is wrong, for people."""
        how = f", last with {self.last}" if self.last else ""
        return f"{self.name} restarted {self.recent(now_ns)} times in {WINDOW_S / 60:.0f} min{how}"


def _recent(times_ns: Sequence[int], now_ns: int) -> list[int]:
    return [at_ns for at_ns in times_ns if now_ns - at_ns <= WINDOW_S * NS_PER_S]
