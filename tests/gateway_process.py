"""The gateway as a process of its own, for tests."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from infra.embedded.ports import spares
from tests.conftest import ROOT

PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class GatewayProcess:
    """Where it is; ``grpc`` is host and port."""

    pid: int
    url: str
    grpc: str

    def resident_bytes(self) -> int:
        """Its resident memory (Linux)."""
        fields = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def wait_for(self, status: int) -> None:
        """Until ``/readyz`` answers with this status."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == status:
                    return
            time.sleep(0.1)
        pytest.fail(f"{self.url}/readyz did not answer {status}")


@contextlib.contextmanager
def gateway_process(
    bootstrap: str,
    home: Path,
    *,
    partitions: int = 4,
    ready: int = 200,
    settings: Mapping[str, str] | None = None,
) -> Iterator[GatewayProcess]:
    """A gateway, when it is as ready as it should be; ``settings`` are those of ``[gateway]``.

    Its ports are free ones; at the end it must stop by itself and have met no defect.
    """
    port, grpc_port = spares(2)
    command = [sys.executable, "-m", "ingest.gateway", "--port", str(port), "--grpc-port", str(grpc_port),
               "--kafka", bootstrap, "--partitions", str(partitions)]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTSHIP_")}
    environment |= {f"LIGHTSHIP_GATEWAY_{name.upper()}": value for name, value in (settings or {}).items()}
    log = home / "gateway.log"
    home.mkdir(parents=True, exist_ok=True)
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command, cwd=ROOT, env={**environment, "LIGHTSHIP_HOME": str(home)}, stderr=said
        ) as process,
    ):
        running = GatewayProcess(process.pid, f"http://127.0.0.1:{port}", f"127.0.0.1:{grpc_port}")
        try:
            running.wait_for(ready)
            yield running
        finally:
            process.terminate()
            process.wait(30)
    assert process.returncode == 0, log.read_text()
    assert "Traceback" not in log.read_text(), log.read_text()
