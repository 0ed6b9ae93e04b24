"""All of Lightship under kills at random moments, again and again: nothing is lost, doubled or changed.

Unlike in the end-to-end test kills also hit what is only starting, Kafka's protocol inside of the broker,
and the time in which what was sent is still being scored, detected and told.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from infra.embedded.child import Phase
from tests.journey import Journey
from tests.judged import accounted_for, aggregated, confirmed, incidents, stored, told
from tests.running import PROCESSES, Running, inner_child, running

pytestmark = [
    pytest.mark.integration,
    pytest.mark.chaos,
    pytest.mark.timeout(2400),
    pytest.mark.usefixtures("refused_connections"),
]

ROUNDS = 5
PAUSE_S = (0.3, 3.0)
AT_ONCE = 0.1
"""How often it is everything at once."""
AFTER_SENDING_S = 25.0
"""How long kills go on when everything is sent."""


class Killer(threading.Thread):
    """Kills something every now and then until it is told to stop."""

    def __init__(self, lightship: Running, rng: random.Random) -> None:
        super().__init__(name="killer")
        self.kills: list[str] = []
        self._lightship = lightship
        self._rng = rng
        self._enough = threading.Event()

    def run(self) -> None:
        while not self._enough.wait(self._rng.uniform(*PAUSE_S)):
            if self._rng.random() < AT_ONCE:
                for name in PROCESSES:
                    self._kill(name)
            else:
                self._kill(self._rng.choice(PROCESSES), inner=self._rng.random() < 0.5)

    def _kill(self, name: str, *, inner: bool = False) -> None:
        """Kill a process that runs or is starting; with ``inner`` the broker's child rather than itself."""
        state = self._lightship.state(name)
        if state.pid is None or state.phase not in (Phase.STARTING, Phase.READY):
            return
        inner = inner and name == "broker"
        pid = inner_child(state.pid) if inner else state.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
                os.kill(pid, signal.SIGKILL)
                self.kills.append(f"{name}'s child" if inner else name)

    def stop(self) -> None:
        """No more kills; whatever was killed is up again when this returns."""
        self._enough.set()
        self.join()
        for name in PROCESSES:
            self._lightship.is_up(name)


@pytest.mark.parametrize("seed", [101])
def test_random_kills_change_nothing(tmp_path: Path, seed: int) -> None:
    with running(tmp_path / "home") as lightship:
        quiet = Journey("evaluation-quiet")
        quiet.send(lightship)
        lightship.settle(quiet.lineage)
        expected = confirmed(lightship, quiet.lineage)
        assert expected
        done = [quiet]
        for round_ in range(ROUNDS):
            journey = Journey(f"evaluation-round-{round_}")
            killer = Killer(lightship, random.Random(seed + round_))
            killer.start()
            try:
                journey.send(lightship)
                time.sleep(AFTER_SENDING_S)
            finally:
                killer.stop()
            lightship.settle(journey.lineage)
            done.append(journey)
            print(f"round {round_}: {len(killer.kills)} kills: {', '.join(killer.kills)}")  # noqa: T201
            assert len(killer.kills) > 10
            stored(lightship, journey)
            aggregated(lightship, journey)
            accounted_for(lightship, *done)
            assert confirmed(lightship, journey.lineage) == expected
            (incident,) = incidents(lightship, journey.lineage)
            assert len(told(lightship, incident)) == 1
