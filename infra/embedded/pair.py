"""The embedded pair: specs of the broker and of the store, and where they answer."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from infra.embedded.child_spec import ChildSpec, Liveness
from infra.embedded.ports import LOOPBACK
from infra.embedded.readiness import kafka_ready
from infra.embedded.reserved_ports import ReservedPorts
from infra.private_files import private_directory, private_file

BROKER = "broker"
STORE = "store"
KAFKA_PORT = 9092
CLICKHOUSE_PORT = 8123
USER = "default"
ALIVE_S = Liveness().timeout_s


@dataclass(frozen=True, slots=True)
class Pair:
    """Children to run and addresses to use. ``clickhouse`` contains the password: show it to nobody.

    ``ports`` are reserved for as long as this lives.
    """

    specs: tuple[ChildSpec, ...]
    kafka: str
    clickhouse: str
    ports: ReservedPorts

    def shown(self) -> dict[str, str]:
        """Addresses without the secret, as for ``run.json``."""
        return {"kafka": self.kafka, "clickhouse": f"http://{USER}@{self.clickhouse.rpartition('@')[2]}"}


def embedded_pair(
    home: Path,
    kafka_port: int | None = None,
    clickhouse_port: int | None = None,
    *,
    retain_hours: Mapping[str, float] | None = None,
    fsync: bool = False,
) -> Pair:
    """Both servers with their data under ``home``.

    Parameters
    ----------
    kafka_port, clickhouse_port
        Ports asked for; without, the usual ones or the next free ones.
    retain_hours
        How long record batches of a topic are kept; topics that are not named are kept for good.
    fsync
        Whether the broker's acknowledgement survives a power loss too.

    Raises
    ------
    PortBusy
        If a port that was asked for is taken.
    """
    ports = ReservedPorts()
    broker = broker_spec(home, kafka_port, ports, retain_hours=retain_hours, fsync=fsync)
    store = store_spec(home, clickhouse_port, ports)
    return Pair((broker, store), kafka_address(broker), clickhouse_url(home, store), ports)


def broker_spec(
    home: Path,
    port: int | None = None,
    reserved: ReservedPorts | None = None,
    *,
    retain_hours: Mapping[str, float] | None = None,
    fsync: bool = False,
    reserve_mib: int = 0,
) -> ChildSpec:
    """The broker alone; see `embedded_pair`. Its port is reserved in ``reserved``, else only looked at.

    ``reserve_mib`` of its disk are kept free; 0 for the usual (`infra.disk_reserve`).
    """
    at = (reserved or ReservedPorts()).claim("the embedded broker", KAFKA_PORT, port)
    argv = [sys.executable, "-m", "infra.embedded.broker"]
    argv += ["--root", str((home / BROKER).absolute()), "--port", str(at)]
    argv += ["--fsync", "data" if fsync else "none", "--reserve-mib", str(reserve_mib)]
    for topic, hours in sorted((retain_hours or {}).items()):
        argv += ["--retain", f"{topic}={hours:g}"]
    answers = kafka_ready(LOOPBACK, at, ALIVE_S)
    return ChildSpec(
        name=BROKER,
        argv=argv,
        ready=answers,
        alive=answers,
        ports={"kafka": at},
        cwd=_root(),
    )


def store_spec(
    home: Path, port: int | None = None, reserved: ReservedPorts | None = None, *, reserve_mib: int = 0
) -> ChildSpec:
    """The store alone; see `embedded_pair` and, for the other arguments, `broker_spec`."""
    at = (reserved or ReservedPorts()).claim("the embedded store", CLICKHOUSE_PORT, port)
    argv = [sys.executable, "-m", "infra.embedded.clickhouse_server"]
    argv += ["--root", str((home / STORE).absolute()), "--port", str(at)]
    argv += ["--user", USER, "--password-file", str(_key_file(home).absolute())]
    argv += ["--reserve-mib", str(reserve_mib)]
    return ChildSpec(
        name=STORE,
        argv=argv,
        ready=f"http://{LOOPBACK}:{at}/ping",
        alive=f"http://{LOOPBACK}:{at}/ping",
        identified=True,
        ports={"clickhouse": at},
        grace_s=20.0,
        cwd=_root(),
    )


def kafka_address(broker: ChildSpec) -> str:
    """Bootstrap address of a `broker_spec`."""
    return f"{LOOPBACK}:{broker.ports['kafka']}"


def clickhouse_url(home: Path, store: ChildSpec) -> str:
    """URL of a `store_spec`, with the password."""
    password = quote(_key_file(home).read_text(encoding="ascii").strip(), safe="")
    return f"http://{USER}:{password}@{LOOPBACK}:{store.ports['clickhouse']}"


def with_password(home: Path, shown_url: str) -> str:
    """The URL from ``run.json`` (`Pair.shown`) with the password put back, for commands of the same user."""
    password = quote(_key_file(home).read_text(encoding="ascii").strip(), safe="")
    return shown_url.replace(f"{USER}@", f"{USER}:{password}@", 1)


def _root() -> Path:
    """Directory that ``python -m infra...`` is run in."""
    return Path(__file__).resolve().parents[2]


def _key_file(home: Path) -> Path:
    """File with the store's password; made with a random one if there is none."""
    path = home / "keys" / "clickhouse"
    if not path.exists():
        private_directory(path.parent)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(24) + "\n")
    return private_file(path)
