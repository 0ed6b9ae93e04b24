"""All of Lightship under faults at random moments, again and again: nothing is lost, doubled or changed.

Unlike in the end-to-end test kills also hit what is only starting, Kafka's protocol inside of the embedded
broker, and the time in which what was sent is still being scored, detected and told. Each seed also meets
every fault that lasts (`faults.slow`): processes that stand still, a broker that is wedged, a full disk and
clocks that jump; beside the journey there are hostile texts and calls of every identity. How much of it:
`INTERACTIONS`, and `SEEDS` from `FIRST_SEED` on, for each kind of broker; environment variables shorten it,
or cut it into pieces: with LIGHTSHIP_CHAOS_INTERACTIONS=2000 a seed takes a few minutes.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from infra.settings import StoreSettings
from tests.at_rest import raw_messages, rows_of_everything
from tests.brokers import KINDS
from tests.chaos.clocks import Clocks
from tests.chaos.faults import quick, slow
from tests.chaos.killer import Killer
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

INTERACTIONS = int(os.environ.get("LIGHTSHIP_CHAOS_INTERACTIONS", "50000"))
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
    """Send it, and say how far it is. The killer rests while services are given their budgets."""
    began = time.monotonic()

    def before_slice(number: int) -> None:
        if killer is not None and number == REGISTERED_BY - 1:
            killer.rests.set()
        if killer is not None and number == REGISTERED_BY:
            killer.rests.clear()
        if number % (SLICES // 6) == 0:
            say(f"{what}: {number} of {SLICES} parts sent, {time.monotonic() - began:.0f} s")

    journey.send(lightship, before_slice)


def alerts(lightship: Running, lineage: str) -> list[tuple[str, str, str, int]]:
    """What people were told of, each once."""
    found = incidents(lightship, lineage)
    for incident in found:
        assert len(told(lightship, incident)) == 1, incident
    return sorted((i.service, i.score, i.slice, i.onset_ns) for i in found)


@pytest.mark.parametrize("kind", KINDS)
def test_random_faults_change_nothing(tmp_path: Path, kind: str) -> None:
    rows: list[Sequence[object]] = []
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
        began = time.monotonic()
        send(lightship, quiet, f"{kind}, undisturbed")
        lightship.settle(quiet.lineage, PATIENCE_S)
        expected = confirmed(lightship, quiet.lineage), alerts(lightship, quiet.lineage)
        assert all(expected)
        rows.append(row(kind, "-", quiet, Counter(), time.monotonic() - began))
        done: list[Sent] = [quiet]
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
            began = time.monotonic()
            journey = Journey.of(f"evaluation-seed-{seed}", INTERACTIONS, ADDRESSES)
            lasting = slow(kind, clocks, disk)
            killer = Killer(lightship, random.Random(seed), quick(), lasting)
            beside = (HostileTexts(lightship, seed), EveryIdentity(lightship, seed))
            for thread in (killer, *beside):
                thread.start()
            try:
                send(lightship, journey, f"{kind}, seed {seed}", killer)
                say(f"{kind}, seed {seed}: all is sent; faults go on: {dict(killer.did)}")
                killer.finish()
            finally:
                killer.stop()
                for traffic in beside:
                    traffic.stop()
            did = sum((traffic.did for traffic in beside), Counter(killer.did))
            say(f"{kind}, seed {seed}: {sum(killer.did.values())} disturbances; waiting until all is told")
            lightship.settle(journey.lineage, PATIENCE_S)
            for traffic in beside:
                lightship.settle(traffic.lineage, PATIENCE_S)
                traffic.is_stored_once()
            stored(lightship, journey)
            aggregated(lightship, journey)
            done += [journey, *beside]
            accounted_for(lightship, *done)
            verified(lightship, journey.lineage)
            assert (confirmed(lightship, journey.lineage), alerts(lightship, journey.lineage)) == expected
            missed = [
                fault.name for fault in lasting if not any(n.startswith(fault.name) for n in killer.did)
            ]
            assert not missed
            rows.append(row(kind, seed, journey, did, time.monotonic() - began))
            say(f"{kind}, seed {seed}: all is there, once; {dict(did)}")
        nothing_in_clear(lightship)
    say("\n" + "\n".join(table(rows)))


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


HEAD = ("broker", "seed", "interactions", "refused", "seconds", "disturbances")


def row(kind: str, seed: object, journey: Journey, did: Counter[str], seconds: float) -> Sequence[object]:
    """One line of the table: requests refused are those the senders had to repeat."""
    what = ", ".join(f"{name} {n}" for name, n in sorted(did.items())) or "none"
    return kind, seed, len(journey.calls), journey.refused_requests, round(seconds), what


def table(rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Lines of equal columns."""
    widths = [max(len(str(r[i])) for r in [HEAD, *rows]) for i in range(len(HEAD))]
    for line in [HEAD, *rows]:
        yield "  ".join(str(value).ljust(width) for value, width in zip(line, widths, strict=True)).rstrip()
