"""Kills processes at random moments, and stops some in their tracks for a while."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections import Counter

from infra.embedded.child import Phase
from tests.running import PROCESSES, Running, inner_child

PAUSE_S = (0.5, 4.0)
"""Between two kills."""
AT_ONCE = 0.08
"""How often it is everything at once."""
BROKER_SLEEPS_S = 20.0
WORKER_SLEEPS_S = 9.0
"""Longer than its session."""


class Killer(threading.Thread):
    """Kills something every now and then until it is told to stop: all in turn, each time in another order.

    Meanwhile, after ``sleep_after_s``, the broker stands still for `BROKER_SLEEPS_S`, and after that the
    worker for `WORKER_SLEEPS_S`. ``did`` counts what was done to whom; while ``rests`` is set nothing is
    killed.
    """

    def __init__(self, lightship: Running, rng: random.Random, sleep_after_s: float) -> None:
        super().__init__(name="killer", daemon=True)
        self.did: Counter[str] = Counter()
        self._lightship = lightship
        self._rng = rng
        self._sleep_after_s = sleep_after_s
        self._enough = threading.Event()
        self.rests = threading.Event()
        self._asleep = ""
        self._sleeper = threading.Thread(target=self._sleeps, name="sleeper", daemon=True)

    def run(self) -> None:
        """Until `stop`."""
        self._sleeper.start()
        turn: list[str] = []
        while not self._enough.wait(self._rng.uniform(*PAUSE_S)):
            if self.rests.is_set():
                continue
            if self._rng.random() < AT_ONCE:
                for name in PROCESSES:
                    self._kill(name)
                continue
            turn = turn or self._rng.sample(PROCESSES, len(PROCESSES))
            self._kill(turn.pop(), inner=self._rng.random() < 0.5)

    def _sleeps(self) -> None:
        if not self._enough.wait(self._sleep_after_s):
            self._sleep("broker", BROKER_SLEEPS_S)
            self._sleep("worker", WORKER_SLEEPS_S)

    def _kill(self, name: str, *, inner: bool = False) -> None:
        """Kill a process that runs or is starting; with ``inner`` its only child, if it has one."""
        state = self._lightship.state(name)
        if name == self._asleep or state.pid is None or state.phase not in (Phase.STARTING, Phase.READY):
            return
        child = inner_child(state.pid) if inner and name == "broker" else None
        self._send(signal.SIGKILL, child or state.pid)
        self.did[f"{name}'s child" if child else name] += 1

    def _sleep(self, name: str, seconds: float) -> None:
        pid = self._lightship.state(name).pid
        if pid is None:
            return
        pids = [pid, *filter(None, (inner_child(pid),))]
        self._asleep = name
        for one in pids:
            self._send(signal.SIGSTOP, one)
        self._enough.wait(seconds)
        for one in pids:
            self._send(signal.SIGCONT, one)
        self._asleep = ""
        self.did[f"{name} asleep"] += 1

    @staticmethod
    def _send(signum: signal.Signals, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
            os.kill(pid, signum)

    def stop(self) -> None:
        """No more kills; whatever was killed is up again when this returns."""
        self._enough.set()
        self.join()
        self._sleeper.join()
        for name in PROCESSES:
            self._lightship.is_up(name)
