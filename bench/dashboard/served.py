"""The dashboard over a large store, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from alerts.access.keys import read_token
from dashboard.access.local_session import KEY, Sessions, cookie_name
from infra.clock import SystemClock
from infra.embedded.ports import spare
from infra.settings import StoreSettings

READY_S = 60
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Served:
    """A dashboard that runs; ``port`` on the loopback."""

    port: int
    pid: int
    home: Path

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def cookie(self) -> tuple[str, str]:
        """Name and value of the cookie of somebody who opened its link."""
        sessions = Sessions(read_token(self.home, KEY), SystemClock().now_ns)
        return cookie_name(self.port), sessions.begin()

    @property
    def resident_mib(self) -> float:
        """Its memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE_BYTES / (1 << 20)


@contextmanager
def served(store: StoreSettings, home: Path) -> Iterator[Served]:
    """Start it, wait until it answers, stop it at the end.

    Raises
    ------
    RuntimeError
        If it ends, or does not answer within a minute; what it logged is in ``dashboard.log`` of ``home``.
    """
    port = spare()
    config = home / "lightship.toml"
    config.write_text(f"[dashboard]\nport = {port}\n", encoding="utf-8")
    told = {
        "LIGHTSHIP_CONFIG": str(config),
        "LIGHTSHIP_CLICKHOUSE": store.url,
        "LIGHTSHIP_HOME": str(home),
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTSHIP_")}
    with (home / "dashboard.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dashboard"], env=inherited | told, stdout=log, stderr=log
        )
        try:
            found = Served(port, process.pid, home)
            _wait(found, process)
            yield found
        finally:
            process.terminate()
            process.wait(20)


def _wait(found: Served, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the dashboard ended with {process.returncode}")
        try:
            httpx.get(f"{found.base}/_stcore/health", timeout=1).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the dashboard does not answer")
