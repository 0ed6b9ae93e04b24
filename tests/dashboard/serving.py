"""The dashboard, and the alerts API it acts through, as processes and threads of a test."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from alerts.access.keys import read_token
from alerts.api import http_api
from alerts.api.baselines import BaselinesApi
from alerts.api.rules import Rules
from alerts.briefs.brief import Links
from alerts.incident_service import IncidentService
from alerts.incidents.timing import Timing
from alerts.metrics import Metrics
from alerts.repository.incidents import IncidentRepository
from alerts.state.ports import Setup
from dashboard.access.local_session import KEY, Sessions, cookie_name
from infra.clickhouse import connect
from infra.clock import SystemClock
from infra.settings import Settings, StoreSettings
from tests.alerts.memory import MemoryPost

ROOT = Path(__file__).parents[2]
HOMES: dict[str, Path] = {}
"""Data directories of the dashboards that run, by address."""
NOBODY = 9
"""The port "discard": nothing listens there."""


def environment(
    store: StoreSettings, home: Path, *, port: int = 8501, alerts_port: int = 4320, more: str = ""
) -> dict[str, str]:
    """What the dashboard's process is told; ``more`` are further lines of its settings."""
    config = home / "lightship.toml"
    config.write_text(
        f'[store]\ndatabase = "{store.database}"\n[dashboard]\nport = {port}\n'
        f"[alerts]\nport = {alerts_port}\n[gateway]\nport = {NOBODY}\n{more}",
        encoding="utf-8",
    )
    return {
        "LIGHTSHIP_CONFIG": str(config),
        "LIGHTSHIP_CLICKHOUSE": store.url,
        "LIGHTSHIP_HOME": str(home),
    }


@contextmanager
def dashboard(environ: Mapping[str, str], port: int) -> Iterator[str]:
    """The dashboard as it is launched, from a directory that is not its own; yields its address.

    What it logs is in ``dashboard.log`` under its data directory.
    """
    base = f"http://127.0.0.1:{port}"
    log = (Path(environ["LIGHTSHIP_HOME"]) / "dashboard.log").open("wb")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTSHIP_")}
    server = subprocess.Popen(
        [sys.executable, "-m", "dashboard"],
        cwd=environ["LIGHTSHIP_HOME"],
        env={**inherited, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), **environ},
        stdout=log,
        stderr=log,
    )
    try:
        _wait_until_up(base, server)
        HOMES[base] = Path(environ["LIGHTSHIP_HOME"])
        yield base
    finally:
        HOMES.pop(base, None)
        server.terminate()
        server.wait(10)
        log.close()


def session_cookie(home: Path, port: int) -> tuple[str, str]:
    """Name and value of the cookie of somebody who opened a link of the dashboard."""
    return cookie_name(port), Sessions(read_token(home, KEY), SystemClock().now_ns).begin()


def _wait_until_up(base: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError(f"the dashboard ended with {server.returncode}")
        try:
            httpx.get(f"{base}/_stcore/health", timeout=1).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(base)


@contextmanager
def alerts_api(store: StoreSettings, home: Path, port: int) -> Iterator[IncidentService]:
    """The alerts service's API over the real store; only its topics are in memory."""
    log = IncidentRepository(lambda: connect(store))
    setup = Setup(Timing(), lambda _: (), Links())
    post = MemoryPost()
    desk = IncidentService(setup, log, post, lambda *_: None, SystemClock(), Metrics())
    desk.load()
    levels = BaselinesApi(log, post.controls.extend, setup.timing.tick_s)
    rules = Rules(log, post.controls.extend, post.action, Settings(), SystemClock())
    app = http_api.build(desk, log.history, list, Metrics(), read_token(home), levels=levels, rules=rules)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off", ws="none")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        for _ in range(300):
            if server.started:
                break
            time.sleep(0.05)
        yield desk
    finally:
        server.should_exit = True
        thread.join(10)
        log.close()
