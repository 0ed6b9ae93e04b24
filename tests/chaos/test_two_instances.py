"""Two ``lightship up`` at the same instant, with the usual ports: each gets its own, and stops in time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.embedded.run_file import read_run
from infra.instance import HEADER
from tests.conftest import ROOT

PATIENCE_S = 300.0
STOP_WITHIN_S = 25.0
ROUNDS = [
    pytest.param(1, marks=pytest.mark.integration, id="short"),
    pytest.param(
        20, marks=[pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(7200)], id="long"
    ),
]
ROOMS = ("gateway", "relay", "worker", "fleet", "alerts")


def _up(home: Path) -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTSHIP_")}
    environment |= {"LIGHTSHIP_HOME": str(home), "LIGHTSHIP_CONFIG": os.devnull}
    argv = [sys.executable, "-m", "lightship", "up", "--no-dashboard"]
    log = home.with_suffix(".log").open("wb")
    with log:
        return subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=log, stderr=log)


def _ready(process: subprocess.Popen[bytes], home: Path) -> dict[str, Any]:
    """``run.json`` once everything is ready."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        run = read_run(home)
        if run is not None and run["ready"]:
            return run
        log = home.with_suffix(".log").read_text(errors="replace")[-3000:]
        assert process.poll() is None, log
        assert time.monotonic() < deadline, f"{(run or {}).get('problems')}\n{log}"
        time.sleep(0.25)


def _ports(run: dict[str, Any]) -> set[int]:
    return {port for child in run["children"].values() for port in child["ports"].values()}


@pytest.mark.parametrize("rounds", ROUNDS)
def test_two_instances_started_at_once_get_ports_of_their_own(tmp_path: Path, rounds: int) -> None:
    for round_ in range(rounds):
        homes = [tmp_path / f"{round_}-{name}" for name in ("one", "two")]
        for home in homes:
            home.mkdir()
        began = time.monotonic()
        both = [_up(home) for home in homes]
        try:
            runs = [_ready(process, home) for process, home in zip(both, homes, strict=True)]
            took_s = time.monotonic() - began
            assert not _ports(runs[0]) & _ports(runs[1])
            for run in runs:
                restarts = {name: child["restarts"] for name, child in run["children"].items()}
                assert set(restarts.values()) == {0}, restarts
                for room in ROOMS:
                    answer = httpx.get(f"{run['addresses'][room]}/readyz", timeout=30)
                    assert (answer.status_code, answer.headers[HEADER]) == (200, run["instance"]), room
            began = time.monotonic()
            for process in both:
                process.send_signal(signal.SIGTERM)
            assert [process.wait(2 * STOP_WITHIN_S) for process in both] == [0, 0]
            stopped_s = time.monotonic() - began
            assert stopped_s <= STOP_WITHIN_S
        finally:
            for process in both:
                process.kill()
                process.wait()
        line = {"round": round_ + 1, "ready_s": round(took_s), "stop_s": round(stopped_s, 1)}
        sys.stdout.write(f"{json.dumps(line)}\n")
