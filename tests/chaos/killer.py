"""Disturbs a running Lightship until it is told to stop: what, when and in which order a seed says."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence

from infra.embedded.child import Phase
from tests.chaos.faults import Fault, Kill
from tests.running import PATIENCE_S, PROCESSES, Running

PAUSE_S = (0.5, 4.0)
"""Between two quick faults."""
AT_ONCE = 0.08
"""How often everything is killed at once."""
BETWEEN_S = (1.0, 6.0)
"""Between two faults that last."""
TRIES = 60
"""How often, a second apart, a fault that lasts is tried: what it is about may just be starting."""


class Killer(threading.Thread):
    """Threads that disturb: one for the ``quick`` faults, all in turn and each time in another order, and one
    for each list of ``lasting`` ones, once each; faults of two lists overlap.

    ``did`` counts what was done; while ``rests`` is set nothing new is begun.
    """

    def __init__(
        self,
        lightship: Running,
        rng: random.Random,
        quick: Sequence[Fault],
        lasting: Sequence[Sequence[Fault]],
    ) -> None:
        super().__init__(name="killer", daemon=True)
        self.did: Counter[str] = Counter()
        self.rests = threading.Event()
        self._lightship = lightship
        self._rng = rng
        self._quick = list(quick)
        self._enough = threading.Event()
        self._total = sum(map(len, lasting))
        self._over = 0
        self._progress = threading.Condition()
        self._held: dict[int, frozenset[str]] = {}
        self._lanes = [
            threading.Thread(target=self._last, args=(lane, self._in_order(faults)), daemon=True)
            for lane, faults in enumerate(lasting)
        ]

    def _in_order(self, faults: Sequence[Fault]) -> list[tuple[Fault, float]]:
        """Lasting faults as the seed orders them, each with the pause before it in seconds."""
        order = random.Random(self._rng.random())
        return [(fault, order.uniform(*BETWEEN_S)) for fault in order.sample(faults, len(faults))]

    def run(self) -> None:
        """Until `stop`."""
        for lane in self._lanes:
            lane.start()
        turn: list[Fault] = []
        while not self._enough.wait(self._rng.uniform(*PAUSE_S)):
            if self.rests.is_set():
                continue
            if self._rng.random() < AT_ONCE:
                for process in PROCESSES:
                    self._do(Kill(process))
                continue
            if not turn:
                self._until_all_are_up()
                turn = self._rng.sample(self._quick, len(self._quick))
            self._do(turn.pop())

    def _until_all_are_up(self) -> None:
        """Before each turn: where starting takes longer than the pauses of kills, nothing would ever work."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and not self._enough.wait(0.1):
            states = self._lightship.supervisor.states()
            if all(states[name].phase is Phase.READY for name in PROCESSES):
                return

    def _last(self, lane: int, faults: Sequence[tuple[Fault, float]]) -> None:
        """Every lasting fault of a list, one after another."""
        for fault, pause_s in faults:
            if self._enough.wait(pause_s):
                return
            for _ in range(TRIES):
                while self.rests.is_set():
                    if self._enough.wait(0.1):
                        return
                self._held[lane] = fault.holds
                done = fault.act(self._lightship, self._enough)
                self._held[lane] = frozenset()
                if done is not None:
                    self.did[done] += 1
                    break
                if self._enough.wait(1.0):
                    return
            with self._progress:
                self._over += 1
                self._progress.notify_all()

    def _do(self, fault: Fault) -> None:
        if isinstance(fault, Kill) and any(fault.process in held for held in list(self._held.values())):
            return
        if (done := fault.act(self._lightship, self._enough)) is not None:
            self.did[done] += 1

    def keep_pace(self, share: float) -> None:
        """Wait until this share of the lasting faults is over, so that traffic is spread over all of them."""
        with self._progress:
            self._progress.wait_for(lambda: self._over >= int(share * self._total))

    def finish(self) -> None:
        """Wait until every fault that lasts has been met."""
        self.keep_pace(1.0)

    def stop(self) -> None:
        """No more faults; whatever was killed is up again when this returns."""
        self._enough.set()
        self.join()
        for lane in self._lanes:
            lane.join()
        for name in PROCESSES:
            self._lightship.is_up(name)
