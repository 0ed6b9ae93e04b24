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

import pytest

from ingest.ledger.refused import refused
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
PACE_S = 0.1
"""Between two slices of the traffic: it goes on while the disk is full."""
ROUNDS = [
    pytest.param(1, marks=[pytest.mark.long], id="once"),
    pytest.param(20, marks=[pytest.mark.chaos], id="twenty rounds"),
]


class Fill:
    """Fills a disk before a slice of a journey and keeps it full for a while, from another thread."""

    def __init__(self, disk: SmallDisk, rng: random.Random) -> None:
        self._disk = disk
        self._at = rng.randrange(3, 45)
        self._seconds = rng.uniform(*FULL_S)
        self._thread = threading.Thread(target=self._keep_full)

    def __call__(self, number: int) -> None:
        if number == self._at:
            self._thread.start()
        time.sleep(PACE_S)

    def _keep_full(self) -> None:
        until = time.monotonic() + self._seconds
        while time.monotonic() < until:
            self._disk.fill()
            time.sleep(0.02)
        self._disk.free()

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
                fill = Fill(disk, random.Random(number))
                before = turned_away(lightship)
                journey.send(lightship, fill)
                fill.over()
                lightship.settle(journey.lineage)
                stored(lightship, journey)
                aggregated(lightship, journey)
                accounted_for(lightship, *done)
                n = turned_away(lightship) - before
                assert n or number, "nothing was refused: the disk was not full"
                sys.stderr.write(f"round {number}: {n} refused, started again: {restarts(lightship)}\n")


def turned_away(lightship: Running) -> int:
    """How many requests the gateway has refused because of the disk; exporters try again by themselves."""
    return sum(r["n"] for r in refused(lightship.gateway, 30.0) or () if r["reason"] == "disk_full")


def restarts(lightship: Running) -> dict[str, int]:
    """How often each process was started again."""
    return {name: s.restarts for name, s in lightship.supervisor.states().items() if s.restarts}
