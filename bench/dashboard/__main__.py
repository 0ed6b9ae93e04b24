"""How fast the dashboard's queries answer on a large store: ``python -m bench.dashboard [--interactions N]``.

A store is made in a folder of its own (``--home`` keeps it), every query of every view is asked once after a
restart of the engine (cold, though the system may hold files in memory) and five times again (warm, the
median). Then the dashboard is started over it: how long a person waits for each page in a real browser, and
how long twenty people at once. Printed: bytes per interaction by table, seconds per query, page and rerun.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from clickhouse_connect.driver.client import Client

from bench.dashboard.fill import Size, fill
from bench.dashboard.first_look import waits
from bench.dashboard.questions import Ask, questions
from bench.dashboard.served import served
from bench.dashboard.sessions import people, summary
from bench.embedded import started
from bench.machine import machine
from dashboard.queries.store import ClickHouse, Store
from infra.clickhouse import connect, migrate
from infra.embedded.pair import clickhouse_url, store_spec
from infra.embedded.supervisor import Supervisor
from infra.settings import StoreSettings
from ingest.agents.detect.days import Days

WARM = 5


def sizes(client: Client) -> Iterator[tuple[str, int, int]]:
    """Table, rows and bytes on disk."""
    for table, rows, size_bytes in client.query(
        "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active "
        "AND database = currentDatabase() AND table != 'sentences' "
        "GROUP BY table HAVING sum(rows) > 0 ORDER BY 3 DESC"
    ).result_rows:
        yield str(table), int(rows), int(size_bytes)


def seconds(ask: Ask, store: Store) -> float:
    """Of one answer."""
    began = time.perf_counter()
    ask(store)
    return time.perf_counter() - began


def _open(home: Path) -> tuple[Supervisor, StoreSettings]:
    """A running engine. By its clock, the real one, texts of the store have expired: it is to keep them."""
    spec = store_spec(home)
    running, _ = started(home, spec)
    settings = StoreSettings(url=clickhouse_url(home, spec))
    root = connect(settings, database="default")
    root.command("SYSTEM STOP TTL MERGES")
    root.close()
    return running, settings


def make(home: Path, size: Size, chunk: int) -> None:
    """Fill a new store and print how large it is."""
    running, settings = _open(home)
    try:
        migrate(settings)
        client = connect(settings, answer_within_s=3600)
        began = time.perf_counter()
        for said in fill(client, size, chunk):
            print(f"  {said}, {time.perf_counter() - began:.0f} s", flush=True)
        days_s = time.perf_counter()
        Days(client).run()
        print(f"  days summed in {time.perf_counter() - days_s:.1f} s")
        again_s = time.perf_counter()
        Days(client).run()
        print(f"  and looked through again in {time.perf_counter() - again_s:.2f} s")
        print(f"\n{'table':20}{'rows':>15}{'MiB':>10}{'bytes an interaction':>22}")
        total = 0
        for table, rows, size_bytes in sizes(client):
            total += size_bytes
            print(f"{table:20}{rows:>15,}{size_bytes / 2**20:>10,.0f}{size_bytes / size.interactions:>22.1f}")
        print(f"{'all':20}{'':>15}{total / 2**20:>10,.0f}{total / size.interactions:>22.1f}")
        client.close()
    finally:
        running.stop()


def measure(home: Path) -> None:
    """Print how long each query takes, cold and warm."""
    running, settings = _open(home)
    try:
        client = connect(settings)
        store = ClickHouse(client)
        print(f"\n{'query':42}{'cold s':>10}{'warm s':>10}")
        for name, ask in questions().items():
            cold = seconds(ask, store)
            warm = statistics.median(seconds(ask, store) for _ in range(WARM))
            print(f"{name:42}{cold:>10.2f}{warm:>10.2f}", flush=True)
        client.close()
    finally:
        running.stop()


def look(home: Path, sessions: int, looks: int, seed: int) -> None:
    """Print how long people wait."""
    running, settings = _open(home)
    try:
        with served(settings, home) as page:
            print(f"\n{'page, in a browser':34}{'sentence s':>12}{'table s':>10}{'chart s':>10}{'all s':>10}")
            for visit, name, took in waits(page):
                parts = (took[part] for part in ("sentence", "table", "chart", "all"))
                shown = "".join(f"{'':>10}" if s is None else f"{s:>10.2f}" for s in parts)
                print(f"{name:20}{visit:16}{shown}", flush=True)
            took_s, mib = asyncio.run(people(page, sessions, looks, seed))
        print(f"\n{sessions} sessions, {len(took_s)} reruns: {summary(took_s)}; {mib:.1f} MiB a session")
    finally:
        running.stop()


def main() -> None:
    """Make the store, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, default=100_000_000)
    parser.add_argument("--days", type=int, default=84)
    parser.add_argument("--services", type=int, default=50)
    parser.add_argument("--chunk", type=int, default=200_000)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--looks", type=int, default=12, help="reruns of each session")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--home", type=Path, help="folder of the store; one that exists is only asked")
    options = parser.parse_args()
    size = Size(options.interactions, options.days, options.services)
    print(f"{machine()}; {size.interactions:,} interactions in {size.days} days, {size.series:,} series")
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder)
        if not home.exists() or not any(home.iterdir()):
            home.mkdir(parents=True, exist_ok=True)
            make(home, size, options.chunk)
        measure(home)
        look(home, options.sessions, options.looks, options.seed)


if __name__ == "__main__":
    main()
