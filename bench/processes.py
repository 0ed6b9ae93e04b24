"""The real processes of ingest for a bench, and what each costs: processor time and memory of its tree."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client

from infra import clickhouse
from infra.embedded.all_processes import Whole, whole
from infra.embedded.ports import spares
from infra.embedded.supervisor import Supervisor
from infra.settings import load

MEASURED = ("gateway", "worker", "broker", "store")
RECEIVER = '[[receiver]]\nname = "hook"\nkind = "webhook"\nurl = "{}"\n'
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds spent so far by a process and its descendants, and the memory they hold."""

    cpu_s: float
    resident_mib: float


def cost_of(pid: int) -> Cost:
    """Cost of a process tree (Linux); children that have ended count for their parents."""
    ticks = pages = 0
    pids = [pid]
    for one in pids:
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            pages += int(Path(f"/proc/{one}/statm").read_text().split()[1])
            for thread in Path(
                f"/proc/{one}/task"
            ).iterdir():  # a child belongs to the thread that started it
                pids += map(int, (thread / "children").read_text().split())
        except OSError:  # it ended meanwhile
            continue
        ticks += sum(map(int, fields[11:15]))
    return Cost(ticks / _TICKS_PER_S, pages * _PAGE / (1 << 20))


@dataclass(slots=True)
class Running:
    """Gateway and worker over the embedded broker and store; ``home`` is the data directory."""

    everything: Whole
    supervisor: Supervisor
    client: Client
    home: Path

    @property
    def port(self) -> int:
        """Port of the gateway."""
        return int(self.everything.addresses["gateway"].rpartition(":")[2])

    def costs(self) -> dict[str, Cost]:
        """What every process has cost so far.

        Raises
        ------
        RuntimeError
            If one of them was started again: figures would be of two lives.
        """
        states = self.supervisor.states()
        if again := [name for name in MEASURED if states[name].restarts]:
            raise RuntimeError(f"{', '.join(again)} ended and was started again: see its log")
        return {name: cost_of(states[name].pid or 0) for name in MEASURED}

    def stored(self) -> int:
        """Interactions stored so far."""
        return int(self.client.query("SELECT count() FROM interactions").result_rows[0][0])

    def bytes_stored(self) -> int:
        """Bytes on disk of the interactions, merged as far as they get."""
        self.client.command("OPTIMIZE TABLE interactions FINAL")
        sql = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'interactions'"
        return int(self.client.query(sql).result_rows[0][0])


@contextmanager
def running(webhook: str = "", settings_text: str = "") -> Iterator[Running]:
    """Everything that ingest needs, on free ports and in a folder of its own, until the block ends.

    With an address of a ``webhook`` the alerts service runs too and tells it. ``settings_text`` is TOML that
    stands behind it.
    """
    names = ("gateway", "worker", "alerts", "kafka", "clickhouse")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        config = Path(folder) / "lightship.toml"
        receiver = RECEIVER.format(webhook) if webhook else ""
        config.write_text(receiver + settings_text, encoding="utf-8")
        settings = load(config, {"LIGHTSHIP_HOME": str(home)})
        ports = dict(zip(names, spares(len(names)), strict=True))
        everything = whole(settings, ports, dashboard=False, config=config)
        specs = [spec for spec in everything.specs if spec.name != "alerts" or webhook]
        supervisor = Supervisor(home, specs, ports=everything.ports, out=None)
        supervisor.start()
        try:
            client = clickhouse.connect(everything.settings.store)
            try:
                yield Running(everything, supervisor, client, home)
            finally:
                client.close()
        finally:
            supervisor.stop()
