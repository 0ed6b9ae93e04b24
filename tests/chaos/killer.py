"""Kills processes at random moments, and stops some in their tracks for a while."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter

from infra.embedded.child import Phase
from tests.running import PROCESSES, Running, inner_child

PAUSE_S = (1.0, 8.0)
"""Between two kills."""
AT_ONCE = 0.08
"""How often it is everything at once."""
BROKER_SLEEPS_S = 20.0
WORKER_SLEEPS_S = 9.0
"""Longer than its session."""


class Killer(threading.Thread):
    """Kills something every now and then until it is told to stop.

    Once in its life, after ``sleep_after_s``, the broker stands still for `BROKER_SLEEPS_S`, and after that
    the worker for `WORKER_SLEEPS_S`. ``did`` counts what was done to whom.
    """

    def __init__(self, lightship: Running, rng: random.Random, sleep_after_s: float) -> None:
        super().__init__(name="killer", daemon=True)
        self.did: Counter[str] = Counter()
        self._lightship = lightship
        self._rng = rng
        self._sleep_after_s = sleep_after_s
        self._enough = threading.Event()

    def run(self) -> None:
        """Until `stop`."""
        began = time.monotonic()
        sleeps = [("worker", WORKER_SLEEPS_S), ("broker", BROKER_SLEEPS_S)]
        while not self._enough.wait(self._rng.uniform(*PAUSE_S)):
            if sleeps and time.monotonic() - began > self._sleep_after_s:
                self._sleep(*sleeps.pop())
            elif self._rng.random() < AT_ONCE:
                for name in PROCESSES:
                    self._kill(name)
            else:
                self._kill(self._rng.choice(PROCESSES), inner=self._rng.random() < 0.5)

    def _kill(self, name: str, *, inner: bool = False) -> None:
        """Kill a process that runs or is starting; with ``inner`` its only child, if it has one."""
        state = self._lightship.state(name)
        if state.pid is None or state.phase not in (Phase.STARTING, Phase.READY):
            return
        child = inner_child(state.pid) if inner and name == "broker" else None
        self._send(signal.SIGKILL, child or state.pid)
        self.did[f"{name}'s child" if child else name] += 1

    def _sleep(self, name: str, seconds: float) -> None:
        pid = self._lightship.state(name).pid
        if pid is None:
            return
        pids = [pid, *filter(None, (inner_child(pid),))]
        for one in pids:
            self._send(signal.SIGSTOP, one)
        self._enough.wait(seconds)
        for one in pids:
            self._send(signal.SIGCONT, one)
        self.did[f"{name} asleep"] += 1

    @staticmethod
    def _send(signum: signal.Signals, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
            os.kill(pid, signum)

    def stop(self) -> None:
        """No more kills; whatever was killed is up again when this returns."""
        self._enough.set()
        self.join()
        for name in PROCESSES:
            self._lightship.is_up(name)
