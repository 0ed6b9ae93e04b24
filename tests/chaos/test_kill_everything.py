"""All of Lightship under faults at random moments, again and again: nothing is lost, doubled or changed.

Unlike in the end-to-end test kills also hit what is only starting, Kafka's protocol inside of the embedded
broker, and the time in which what was sent is still being scored, detected and told. Each seed also meets
every fault that lasts (`faults.lasting`): processes that stand still, a wedged broker, a full disk and clocks
that jump; beside the journey there are hostile texts and calls of every identity. How much of it:
`INTERACTIONS`, and `SEEDS` from `FIRST_SEED` on, for each kind of broker, by environment variables. Traffic
is spread over the faults: a seed takes minutes with the usual 600, and hours with 50,000. ``python -m
tests.chaos`` runs the seeds that have not passed yet.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.embedded import run_file
from infra.settings import StoreSettings
from tests.at_rest import raw_messages, rows_of_everything
from tests.brokers import KINDS
from tests.chaos.clocks import Clocks
from tests.chaos.faults import Fault, lasting, quick
from tests.chaos.killer import Killer
from tests.chaos.seed_record import PASSED, SeedRun, append, commit, record_file, table
from tests.chaos.side_traffic import EveryIdentity, HostileTexts
from tests.chaos.small_disk import small_disk
from tests.journey import REGISTERED_BY, SLICES, Journey
from tests.judged import Sent, accounted_for, aggregated, confirmed, incidents, stored, told, verified
from tests.running import Running, running
from tests.searching import Planted, Search

pytestmark = [
    pytest.mark.integration,
    pytest.mark.chaos,
    pytest.mark.timeout(12 * 3600),
    pytest.mark.usefixtures("refused_connections"),
]

INTERACTIONS = int(os.environ.get("LIGHTSHIP_CHAOS_INTERACTIONS", "600"))
SEEDS = int(os.environ.get("LIGHTSHIP_CHAOS_SEEDS", "10"))
FIRST_SEED = int(os.environ.get("LIGHTSHIP_CHAOS_FIRST_SEED", "101"))
PATIENCE_S = 180 + INTERACTIONS / 50
DISK_BYTES = (3 << 29) + INTERACTIONS * (SEEDS + 1) * (12 << 10)
"""Of the small file system, in memory, that holds everything and is filled."""
CLOCKED = ("gateway", "relay", "worker", "fleet", "alerts")
"""Processes whose clocks jump."""
ADDRESSES = tuple(f"ida.varga.{n:03d}.quellmund@posthorn-{n:03d}.example" for n in range(40))


def say(text: str) -> None:
    """Progress, on whatever stands in for the terminal."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def send(lightship: Running, journey: Journey, what: str, killer: Killer | None = None) -> None:
    """Send it, spread over the killer's faults, and say how far it is.

    The killer rests while services are given their budgets.
    """
    began = time.monotonic()

    def before_slice(number: int) -> None:
        if killer is not None and number == REGISTERED_BY - 1:
            killer.rests.set()
        if killer is not None and number == REGISTERED_BY:
            killer.rests.clear()
        if killer is not None and not killer.rests.is_set():
            killer.keep_pace(number / SLICES)
        if number % (SLICES // 6) == 0:
            say(f"{what}: {number} of {SLICES} parts sent, {time.monotonic() - began:.0f} s")

    journey.send(lightship, before_slice)


def alerts(lightship: Running, lineage: str) -> list[tuple[str, str, str, int]]:
    """What people were told of, each once."""
    found = incidents(lightship, lineage)
    for incident in found:
        assert len(told(lightship, incident)) == 1, incident
    return sorted((i.service, i.score, i.slice, i.onset_ns) for i in found)


@dataclass
class Watch:
    """Measures a seed by phases, and writes down how it ended."""

    kind: str
    seed: int
    began: float = field(default_factory=time.monotonic)
    lap: float = field(default_factory=time.monotonic)
    phases_s: dict[str, int] = field(default_factory=dict)
    did: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    def over(self, phase: str) -> None:
        """A phase ended."""
        now = time.monotonic()
        self.phases_s[phase] = round(now - self.lap)
        self.lap = now
        say(f"{self.kind}, seed {self.seed}: {phase} took {self.phases_s[phase]} s")

    def ended(self, result: str) -> None:
        """The seed ended."""
        took_s = round(time.monotonic() - self.began)
        run = SeedRun(
            *(self.kind, self.seed, INTERACTIONS, result, took_s, self.refused, commit()),
            phases_s=self.phases_s,
            disturbances=dict(self.did),
        )
        append(run, record_file())
        say("\n".join(table([run])))


@contextlib.contextmanager
def recorded(kind: str, seed: int, home: Path) -> Iterator[Watch]:
    """A seed that is written down as it ends; if it fails, what its processes logged is kept."""
    watch = Watch(kind, seed)
    try:
        yield watch
    except BaseException as error:
        kept = record_file().parent / f"chaos-{kind}-{seed}"
        shutil.copytree(home / "logs", kept, dirs_exist_ok=True)
        shutil.copy(home / run_file.NAME, kept)
        say(f"logs are kept in {kept}")
        lines = str(error).splitlines() or [""]
        watch.ended(f"{type(error).__name__}: {lines[0]}"[:120])
        raise
    watch.ended(PASSED)


@pytest.mark.parametrize("kind", KINDS)
def test_random_faults_change_nothing(tmp_path: Path, kind: str) -> None:
    clocks = Clocks(tmp_path, CLOCKED)
    with (
        small_disk(tmp_path / "disk", DISK_BYTES) as disk,
        running(
            (tmp_path if disk is None else disk.path) / "home",
            kind=kind,
            adapt=clocks.adapt,
        ) as lightship,
    ):
        if disk is None:
            say("left out: a full disk (only root may mount a small one)")
        quiet = Journey.of("evaluation-quiet", INTERACTIONS, ADDRESSES)
        send(lightship, quiet, f"{kind}, undisturbed")
        lightship.settle(quiet.lineage, PATIENCE_S)
        expected = confirmed(lightship, quiet.lineage), alerts(lightship, quiet.lineage)
        assert all(expected)
        done: list[Sent] = [quiet]
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
            with recorded(kind, seed, lightship.home) as watch:
                disturbed(lightship, watch, lasting(kind, clocks, disk), done, expected)
                if seed == FIRST_SEED + SEEDS - 1:
                    nothing_in_clear(lightship)
                    watch.over("search")


def disturbed(
    lightship: Running, watch: Watch, faults: list[list[Fault]], done: list[Sent], expected: object
) -> None:
    """One seed: what was sent is added to ``done``, and must come to what came of it undisturbed."""
    seed = watch.seed
    journey = Journey.of(f"evaluation-seed-{seed}", INTERACTIONS, ADDRESSES)
    killer = Killer(lightship, random.Random(seed), quick(), faults)
    beside = (HostileTexts(lightship, seed), EveryIdentity(lightship, seed))
    for thread in (killer, *beside):
        thread.start()
    try:
        send(lightship, journey, f"{watch.kind}, seed {seed}", killer)
        watch.over("sending")
        killer.finish()
    finally:
        killer.stop()
        for traffic in beside:
            traffic.stop()
        watch.refused = journey.refused_requests
        watch.did = sum((traffic.did for traffic in beside), Counter(killer.did))
        watch.over("stopping")
    lightship.settle(journey.lineage, PATIENCE_S)
    for traffic in beside:
        traffic.settle(PATIENCE_S)
        traffic.is_stored_once()
    watch.over("settling")
    stored(lightship, journey)
    aggregated(lightship, journey)
    done += [journey, *beside]
    accounted_for(lightship, *done)
    watch.over("counting")
    verified(lightship, journey.lineage)
    watch.over("verifying")
    assert (confirmed(lightship, journey.lineage), alerts(lightship, journey.lineage)) == expected
    missed = [f.name for list_ in faults for f in list_ if not any(n.startswith(f.name) for n in killer.did)]
    assert not missed


def nothing_in_clear(lightship: Running) -> None:
    """None of the addresses that were given away is in a table, a topic or a log."""
    search = Search(Planted("a question", "email", address) for address in ADDRESSES)
    settings: StoreSettings = lightship.everything.settings.store
    for where, data in at_rest(lightship, settings):
        search.look(where, data)
    leaks = search.leaks()
    assert not leaks, f"{len(leaks)} leaks, the first: " + "\n".join(leaks[:20])


def at_rest(lightship: Running, settings: StoreSettings) -> Iterator[tuple[str, bytes]]:
    """Where things lie, and their bytes."""
    yield from rows_of_everything(settings)
    yield from raw_messages(lightship.kafka)
    for path in sorted((lightship.home / "logs").iterdir()):
        yield f"log {path.name}", path.read_bytes()
