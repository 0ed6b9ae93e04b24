"""What is done to a running Lightship: each fault has a name, is counted, and is undone before it returns.

When, and to which process, the killer draws from its seed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from infra.embedded.child import Phase
from tests.brokers import EMBEDDED
from tests.chaos.clocks import Clocks
from tests.chaos.small_disk import SmallDisk
from tests.running import PROCESSES, Running, inner_child

BROKER_STANDS_STILL_S = 20.0
WORKER_STANDS_STILL_S = 9.0
"""Longer than its session."""
WEDGED_S = 120.0
"""How long a broker's protocol may stand still before the supervisor has started it again."""
DISK_FULL_S = 12.0
REFILL_S = 0.5
CLOCK_WRONG_S = 8.0
HOUR_S = 3600.0


class Fault(Protocol):
    """One kind of disturbance."""

    @property
    def name(self) -> str:
        """Under which it is counted."""

    @property
    def holds(self) -> frozenset[str]:
        """Processes that nothing else may disturb meanwhile."""

    def act(self, lightship: Running, enough: threading.Event, /) -> str | None:
        """Do it and undo it; how it went, to count it by, or ``None`` if it could not be done now.

        It ends early when ``enough`` is set.
        """


def send_signal(signum: signal.Signals, pids: Iterable[int]) -> None:
    """Send a signal to processes, of which some may have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)


@dataclass(frozen=True, slots=True)
class Kill:
    """``kill -9`` of a process that runs or starts; with ``inner`` of the only child it has."""

    process: str
    inner: bool = False
    holds: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The process."""
        return f"{self.process}'s child" if self.inner else self.process

    def act(self, lightship: Running, _: threading.Event, /) -> str | None:
        """Kill it."""
        state = lightship.state(self.process)
        if state.pid is None or state.phase not in (Phase.STARTING, Phase.READY):
            return None
        pid = inner_child(state.pid) if self.inner else state.pid
        if pid is None:
            return None
        send_signal(signal.SIGKILL, [pid])
        return self.name


@dataclass(frozen=True, slots=True)
class StandStill:
    """A process, with its only child, is suspended for some seconds and then goes on."""

    process: str
    seconds: float

    @property
    def name(self) -> str:
        """What stood still."""
        return f"{self.process} stands still"

    @property
    def holds(self) -> frozenset[str]:
        """The process."""
        return frozenset({self.process})

    def act(self, lightship: Running, enough: threading.Event, /) -> str | None:
        """Suspend and continue."""
        pid = lightship.state(self.process).pid
        if pid is None:
            return None
        pids = [pid, *filter(None, (inner_child(pid),))]
        send_signal(signal.SIGSTOP, pids)
        try:
            enough.wait(self.seconds)
        finally:
            send_signal(signal.SIGCONT, pids)
        return self.name


@dataclass(frozen=True, slots=True)
class Wedge:
    """Kafka's protocol inside of the embedded broker stands still until the supervisor starts it again."""

    name: str = "broker wedged"
    holds: frozenset[str] = frozenset({"broker"})

    def act(self, lightship: Running, _: threading.Event, /) -> str | None:
        """Suspend the broker's child; it is continued only if nobody restarts the broker in time."""
        before = lightship.state("broker")
        child = None if before.pid is None else inner_child(before.pid)
        if child is None or before.phase is not Phase.READY:
            return None
        send_signal(signal.SIGSTOP, [child])
        until = time.monotonic() + WEDGED_S
        while time.monotonic() < until:
            time.sleep(0.5)
            if lightship.state("broker").restarts > before.restarts:
                return f"{self.name} and started again"
        send_signal(signal.SIGCONT, [child])
        return f"{self.name} for {WEDGED_S:.0f} s"


@dataclass(frozen=True, slots=True)
class FullDisk:
    """The file system of everything is filled to the last byte, stays so, and is freed."""

    disk: SmallDisk
    name: str = "disk full"
    holds: frozenset[str] = frozenset()

    def act(self, _: Running, enough: threading.Event, /) -> str | None:
        """Fill, go on filling what others free, and free."""
        try:
            until = time.monotonic() + DISK_FULL_S
            while time.monotonic() < until and not enough.is_set():
                self.disk.fill()
                time.sleep(REFILL_S)
        finally:
            self.disk.free()
        return self.name


@dataclass(frozen=True, slots=True)
class ClockJump:
    """The clock of one process jumps, and jumps back after a while."""

    process: str
    by_s: float
    clocks: Clocks
    holds: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Whose clock, and where to."""
        return f"{self.process}'s clock {self.by_s / HOUR_S:+g} h"

    def act(self, _: Running, enough: threading.Event, /) -> str | None:
        """Set it wrong, and right again."""
        self.clocks.set(self.process, self.by_s)
        try:
            enough.wait(CLOCK_WRONG_S)
        finally:
            self.clocks.set(self.process, 0.0)
        return self.name


def quick() -> list[Fault]:
    """Faults that take no time, each as likely as any process."""
    return [*map(Kill, PROCESSES), Kill("broker", inner=True)]


def lasting(kind: str, clocks: Clocks, disk: SmallDisk | None) -> list[list[Fault]]:
    """Faults that last, each of which a seed meets once: two lists, whose faults may overlap.

    What the machine cannot do is left out.
    """
    servers: list[Fault] = [
        StandStill("broker", BROKER_STANDS_STILL_S),
        StandStill("worker", WORKER_STANDS_STILL_S),
    ]
    if kind == EMBEDDED:
        servers.append(Wedge())
    if disk is not None:
        servers.append(FullDisk(disk))
    jumps = (("gateway", 1.0), ("worker", -0.25), ("worker", 26.0), ("alerts", -1.0), ("fleet", 5.0))
    return [servers, [ClockJump(process, hours * HOUR_S, clocks) for process, hours in jumps]]
