"""More workers beside the one that the supervisor runs, started and ended by a test."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx

from infra.embedded.ports import LOOPBACK, spare
from tests.running import PATIENCE_S, Running, wait


@dataclass(slots=True)
class Worker:
    """One more process of the group."""

    process: subprocess.Popen[bytes]
    address: str

    def shares(self) -> None:
        """Wait until it has been given its share."""
        wait("the worker has partitions", lambda: httpx.get(f"{self.address}/readyz", timeout=5).is_success)

    def end(self, signum: int = signal.SIGTERM) -> int:
        """Its exit code after a signal."""
        self.process.send_signal(signum)
        return self.process.wait(PATIENCE_S)

    def pause(self, seconds: float) -> None:
        """Stop it in its tracks for a while."""
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def worker(lightship: Running) -> Iterator[Worker]:
    """A worker that is killed at the end of the block if it still lives; it logs beside the others."""
    (spec,) = (s for s in lightship.everything.specs if s.name == "worker")
    port = spare()
    argv: Sequence[str] = [*spec.argv[: spec.argv.index("--port")], "--port", str(port)]
    with (lightship.home / "logs" / f"worker-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            argv, cwd=spec.cwd, env={**os.environ, **spec.env}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield Worker(process, f"http://{LOOPBACK}:{port}")
        finally:
            process.kill()
            process.wait()
