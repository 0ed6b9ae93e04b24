"""The whole of Lightship as children: the embedded pair where no address is set, then the rooms."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from infra.embedded.child_spec import ChildSpec
from infra.embedded.pair import broker_spec, clickhouse_url, kafka_address, store_spec
from infra.embedded.password_file import password_apart
from infra.embedded.ports import LOOPBACK
from infra.embedded.reserved_ports import ReservedPorts
from infra.gateway_section import INGEST_KEY
from infra.kafka import retained_hours
from infra.private_files import private_home
from infra.settings import Settings, hide_password, settings_file

WORKER_PORT = 4319
RELAY_PORT = 4321
FLEET_PORT = 4322
JUDGE_PORT = 4323
STREAMLIT_HEALTH = "/_stcore/health"
_CALLED = {"grpc": "gRPC of the gateway"}
NOT_INHERITED = {"LIGHTSHIP_CLICKHOUSE": "", "LIGHTSHIP_STORE_URL": "", INGEST_KEY: ""}
"""Variables that may hold a secret; empty is not set. Only the dashboard needs the ingest key."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Children to run, where things are once they do (no secrets), and the settings they run with.

    ``ports`` are reserved until they are released, at the latest when this is gone.
    """

    specs: tuple[ChildSpec, ...]
    addresses: Mapping[str, str]
    settings: Settings
    ports: ReservedPorts


def whole(
    settings: Settings,
    ports: Mapping[str, int] | None = None,
    *,
    dashboard: bool = True,
    config: Path | None = None,
) -> Whole:
    """Specs of everything.

    Parameters
    ----------
    ports
        Ports asked for, by ``kafka clickhouse gateway grpc relay worker fleet alerts dashboard judge``;
        others are the usual ones or the next free ones. The gateway has no gRPC side if
        ``gateway.grpc_port`` is 0.
    dashboard
        Whether to serve the dashboard.
    config
        Settings file that the children read (default: as this process finds it; they have another working
        directory).

    Raises
    ------
    PortBusy
        If a port that was asked for is taken.
    """
    asked = dict(ports or {})
    home = settings.home
    private_home(home)
    servers: list[ChildSpec] = []
    kafka, access = settings.kafka.bootstrap, settings.store
    reserved = ReservedPorts()
    reserve_mib = settings.gateway.disk_reserve_mib
    if not kafka:
        broker = broker_spec(
            home,
            asked.get("kafka"),
            reserved,
            retain_hours=retained_hours(settings.kafka),
            reserve_mib=reserve_mib,
        )
        servers.append(broker)
        kafka = kafka_address(broker)
    if not access.url:
        store = store_spec(home, asked.get("clickhouse"), reserved, reserve_mib=reserve_mib)
        servers.append(store)
        access = replace(access, url=clickhouse_url(home, store), password_file="")
    access = password_apart(home, access)
    usual = {
        "gateway": settings.gateway.port,
        "grpc": settings.gateway.grpc_port,
        "worker": WORKER_PORT,
        "relay": RELAY_PORT,
        "fleet": FLEET_PORT,
        "alerts": settings.alerts.port,
        "dashboard": settings.dashboard.port,
    }
    if settings.judge:
        usual["judge"] = JUDGE_PORT
    chosen: dict[str, int] = {}
    for name, preferred in usual.items():
        if name == "grpc" and not asked.get(name, preferred):
            chosen[name] = 0
            continue
        chosen[name] = reserved.claim(_CALLED.get(name, f"the {name}"), preferred, asked.get(name))
    environment = {
        "LIGHTSHIP_HOME": str(home.absolute()),
        "LIGHTSHIP_KAFKA": kafka,
        "LIGHTSHIP_CLICKHOUSE": access.url,
        "LIGHTSHIP_GATEWAY_PORT": str(chosen["gateway"]),
        "LIGHTSHIP_GATEWAY_GRPC_PORT": str(chosen["grpc"]),
        "LIGHTSHIP_ALERTS_PORT": str(chosen["alerts"]),
        "LIGHTSHIP_DASHBOARD_PORT": str(chosen["dashboard"]),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    source = settings_file(config)
    environment["LIGHTSHIP_CONFIG"] = os.devnull if source is None else str(source.absolute())
    for section, values in (("STORE", asdict(access)), ("KAFKA", asdict(settings.kafka))):
        files = {name: file for name, file in values.items() if name.endswith("_file") and file}
        environment |= {f"LIGHTSHIP_{section}_{name.upper()}": file for name, file in files.items()}
    rooms = _rooms([s.name for s in servers], chosen, environment, dashboard=dashboard)
    addresses = {
        "gateway": f"http://{LOOPBACK}:{chosen['gateway']}",
        "relay": f"http://{LOOPBACK}:{chosen['relay']}",
        "worker": f"http://{LOOPBACK}:{chosen['worker']}",
        "fleet": f"http://{LOOPBACK}:{chosen['fleet']}",
        "alerts": f"http://{LOOPBACK}:{chosen['alerts']}",
        "kafka": kafka,
        "clickhouse": hide_password(access.url),
    }
    if "judge" in chosen:
        addresses["judge"] = f"http://{LOOPBACK}:{chosen['judge']}"
    if chosen["grpc"]:
        addresses["grpc"] = f"http://{LOOPBACK}:{chosen['grpc']}"
    if dashboard:
        addresses["dashboard"] = f"http://{LOOPBACK}:{chosen['dashboard']}"
    effective = replace(
        settings,
        kafka=replace(settings.kafka, bootstrap=kafka),
        store=access,
    )
    return Whole(tuple(map(_without_secrets, (*servers, *rooms))), addresses, effective, reserved)


def _without_secrets(child: ChildSpec) -> ChildSpec:
    """The same child with nothing secret in what it inherits."""
    emptied = {k: v for k, v in NOT_INHERITED.items() if child.name != "dashboard" or k != INGEST_KEY}
    return replace(child, env=emptied | dict(child.env))


def _rooms(
    servers: list[str], ports: Mapping[str, int], environment: Mapping[str, str], *, dashboard: bool
) -> list[ChildSpec]:
    root = Path(__file__).resolve().parents[2]

    def room(name: str, module: str, *arguments: str, ours: bool = True) -> ChildSpec:
        at = f"http://{LOOPBACK}:{ports[name]}"
        grpc = {"grpc": ports["grpc"]} if name == "gateway" and ports["grpc"] else {}
        return ChildSpec(
            name=name,
            argv=[sys.executable, "-m", module, *arguments],
            ready=f"{at}{'/readyz' if ours else STREAMLIT_HEALTH}",
            alive=f"{at}{'/healthz' if ours else STREAMLIT_HEALTH}",
            identified=ours,
            env=environment,
            after=["setup"],
            ports={name: ports[name], **grpc},
            grace_s=20.0,
            cwd=root,
        )

    setup = ChildSpec(
        name="setup",
        argv=[sys.executable, "-m", "infra.setup"],
        env=environment,
        after=servers,
        once=True,
        cwd=root,
    )
    rooms = [
        setup,
        room(
            "gateway", "ingest.gateway", *(("--keep-free", environment["LIGHTSHIP_HOME"]) if servers else ())
        ),
        room("relay", "ingest.agents.relay.worker", "--port", str(ports["relay"])),
        room("worker", "ingest.worker", "--port", str(ports["worker"])),
        room("fleet", "ingest.agents.fleet.worker", "--port", str(ports["fleet"])),
        room("alerts", "alerts.service"),
    ]
    if "judge" in ports:
        rooms.append(room("judge", "ingest.judge", "--port", str(ports["judge"])))
    if dashboard:
        rooms.append(room("dashboard", "dashboard", ours=False))
    return rooms
