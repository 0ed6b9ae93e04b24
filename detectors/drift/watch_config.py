"""What watching a service needs to be told: the same for every service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from detectors.drift.budget import Budget
from detectors.scorers.protocol import ScoreSpec

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """What every watcher needs. Lengths in ticks unless the name has a unit.

    ``pages`` and ``tickets`` are what one service may raise for nothing. ``conversation_idle_s`` is how long
    after its last call a conversation is counted.
    """

    specs: Mapping[str, ScoreSpec]
    tick_s: int
    learn: int
    max_values: int
    pages: Budget
    tickets: Budget
    config_hash: str
    conversation_idle_s: float = 1800.0

    def counted_after_s(self, unit: str) -> float:
        """Seconds from the end of what is counted to when it is."""
        return self.conversation_idle_s if unit == "conversation" else 0.0

    def tick_of(self, at_ns: int) -> int:
        """Tick an event time falls in."""
        return at_ns // (self.tick_s * NS_PER_S)
