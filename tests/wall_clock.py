"""A machine on which time passes, and whose wall clock a test sets."""

from __future__ import annotations

from dataclasses import dataclass

from infra.clock import NS_PER_S, SteadyClock

HOUR_NS = 3600 * NS_PER_S
START_NS = 1_795_500_000 * NS_PER_S


@dataclass
class Machine:
    """``passed_ns`` since `START_NS`, and how far its wall clock is ahead of that."""

    passed_ns: int = 0
    ahead_ns: int = 0

    def clock(self) -> SteadyClock:
        """A clock of a process that starts now."""
        return SteadyClock(lambda: START_NS + self.passed_ns + self.ahead_ns, lambda: 77 + self.passed_ns)
