"""A disk that another program fills while traffic flows, and empties again: nothing acknowledged is lost.

All of Lightship stands on a small file system of its own. Once in CI, twenty rounds with ``make chaos``.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from infra.disk_reserve import LOOK_S
from ingest.gateway.refusal import DISK
from ingest.operations.ledger.refused import refused
from tests.chaos.small_disk import SmallDisk, small_disk
from tests.journey import Journey
from tests.judged import accounted_for, aggregated, stored
from tests.running import Running, running

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(7200),
    pytest.mark.usefixtures("refused_connections"),
]

DISK_BYTES = 900 << 20
INTERACTIONS = 150
FULL_S = (3.0, 9.0)
FULL_AT_MOST_S = 90.0
LOOK_EVERY_S = 0.25
"""Between two looks at what the gateway has refused."""
PACE_S = 0.1
"""Between two slices of the traffic: it goes on while the disk is full."""
ROUNDS = [
    pytest.param(1, marks=[pytest.mark.long], id="once"),
    pytest.param(20, marks=[pytest.mark.chaos], id="twenty rounds"),
]


class Fill:
    """Fills a disk before a slice of a journey, from another thread, until the gateway has refused a request.

    That is a matter of the next request, but when it comes is the machine's: the disk stays full for some
    seconds at least and `FULL_AT_MOST_S` at most. ``refused`` is how many requests were seen to be refused.
    """

    def __init__(self, disk: SmallDisk, rng: random.Random, lightship: Running) -> None:
        self.refused = 0
        self._disk = disk
        self._gateway = lightship.gateway
        self._before = turned_away(lightship)
        self._at = rng.randrange(3, 45)
        self._seconds = rng.uniform(*FULL_S)
        self._full = threading.Event()
        self._thread = threading.Thread(target=self._keep_full)

    def __call__(self, number: int) -> None:
        if number == self._at:
            self._thread.start()
            # what is sent next must meet a full disk: a later slice waits for what a full store does not do
            self._full.wait(FULL_AT_MOST_S)
            time.sleep(LOOK_S)
        time.sleep(PACE_S)

    def _keep_full(self) -> None:
        began = looked = time.monotonic()
        try:
            while (now := time.monotonic()) - began < (self._seconds if self.refused else FULL_AT_MOST_S):
                self._disk.fill()
                self._full.set()
                if now - looked > LOOK_EVERY_S:
                    looked = now
                    self._count(because_of_the_disk(refused(self._gateway)))
                time.sleep(0.02)
        finally:
            self._disk.free()

    def _count(self, n: int | None) -> None:
        if n is None:  # it does not answer: it is asked again
            return
        self._before = min(self._before, n)  # one that was started again counts anew
        self.refused = max(self.refused, n - self._before)

    def over(self) -> None:
        """Wait until there is space again."""
        self._thread.join()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_disk_that_was_full_loses_nothing(tmp_path: Path, rounds: int) -> None:
    done: list[Journey] = []
    with small_disk(tmp_path / "disk", DISK_BYTES) as disk:
        if disk is None:
            why = "a small file system cannot be mounted: it takes root"
            if os.environ.get("CI") == "true":
                pytest.fail(why)
            pytest.skip(why)
        with running(disk.path / "home", dashboard=False) as lightship:
            for number in range(rounds):
                journey = Journey.of(f"evaluation-full-{number}", INTERACTIONS)
                done.append(journey)
                fill = Fill(disk, random.Random(number), lightship)
                journey.send(lightship, fill)
                fill.over()
                lightship.settle(journey.lineage)
                stored(lightship, journey)
                aggregated(lightship, journey)
                accounted_for(lightship, *done)
                assert fill.refused, f"nothing was refused for want of space: {refused(lightship.gateway)}"
                sys.stderr.write(
                    f"round {number}: {fill.refused} refused, started again: {restarts(lightship)}\n"
                )


def turned_away(lightship: Running) -> int:
    """How many requests the gateway has refused because of the disk; exporters try again by themselves."""
    n = because_of_the_disk(refused(lightship.gateway, 30.0))
    assert n is not None, "the gateway does not say what it has refused"
    return n


def because_of_the_disk(counts: list[dict[str, Any]] | None) -> int | None:
    """Those of them, ``None`` where nothing could be read."""
    return None if counts is None else sum(r["n"] for r in counts if r["reason"] == DISK.name)


def restarts(lightship: Running) -> dict[str, int]:
    """How often each process was started again."""
    return {name: s.restarts for name, s in lightship.supervisor.states().items() if s.restarts}
