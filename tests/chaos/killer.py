"""Disturbs a running Lightship until it is told to stop: what, when and in which order a seed says."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence

from tests.chaos.faults import Fault, Kill
from tests.running import PROCESSES, Running

PAUSE_S = (0.5, 4.0)
"""Between two quick faults."""
AT_ONCE = 0.08
"""How often everything is killed at once."""
BETWEEN_S = (1.0, 6.0)
"""Between two faults that last."""
TRIES = 60
"""How often, a second apart, a fault that lasts is tried: what it is about may just be starting."""


class Killer(threading.Thread):
    """Two threads: one for the ``quick`` faults, all in turn and each time in another order, one for the
    ``slow`` ones, once each.

    ``did`` counts what was done; while ``rests`` is set nothing new is begun.
    """

    def __init__(
        self, lightship: Running, rng: random.Random, quick: Sequence[Fault], slow: Sequence[Fault]
    ) -> None:
        super().__init__(name="killer", daemon=True)
        self.did: Counter[str] = Counter()
        self.rests = threading.Event()
        self._lightship = lightship
        self._rng = rng
        self._quick = list(quick)
        order = random.Random(rng.random())
        self._slow = [(fault, order.uniform(*BETWEEN_S)) for fault in order.sample(slow, len(slow))]
        self._enough = threading.Event()
        self._held: frozenset[str] = frozenset()
        self._lasting = threading.Thread(target=self._last, name="lasting faults", daemon=True)

    def run(self) -> None:
        """Until `stop`."""
        self._lasting.start()
        turn: list[Fault] = []
        while not self._enough.wait(self._rng.uniform(*PAUSE_S)):
            if self.rests.is_set():
                continue
            if self._rng.random() < AT_ONCE:
                for process in PROCESSES:
                    self._do(Kill(process))
                continue
            turn = turn or self._rng.sample(self._quick, len(self._quick))
            self._do(turn.pop())

    def _last(self) -> None:
        """Every fault that lasts, one after another."""
        for fault, pause_s in self._slow:
            if self._enough.wait(pause_s):
                return
            for _ in range(TRIES):
                self._held = fault.holds
                done = None if self.rests.is_set() else fault.act(self._lightship, self._enough)
                self._held = frozenset()
                if done is not None:
                    self.did[done] += 1
                    break
                if self._enough.wait(1.0):
                    return

    def _do(self, fault: Fault) -> None:
        if isinstance(fault, Kill) and fault.process in self._held:
            return
        if (done := fault.act(self._lightship, self._enough)) is not None:
            self.did[done] += 1

    def finish(self) -> None:
        """Wait until every fault that lasts has been met."""
        self._lasting.join()

    def stop(self) -> None:
        """No more faults; whatever was killed is up again when this returns."""
        self._enough.set()
        self.join()
        self._lasting.join()
        for name in PROCESSES:
            self._lightship.is_up(name)
