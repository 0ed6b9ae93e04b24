"""A process that is told to stop ends, also where the library waits for something that never comes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ingest.exit_code import UNAVAILABLE
from tests.at_length import at_length

PROGRAM = """
import asyncio, sys
from pathlib import Path
from infra.settings import KafkaSettings
from ingest.agents.stream import new_app, run_app

app = new_app("stops", KafkaSettings(bootstrap="127.0.0.1:1"), Path(sys.argv[1]))

@app.on_before_shutdown.connect
async def hang(app, **_):
    await asyncio.sleep(float(sys.argv[2]))
    print("stopped by itself", flush=True)

sys.exit(run_app(app, stop_within_s=5.0))
"""


def ended(folder: Path, hangs_s: float) -> subprocess.CompletedProcess[str]:
    """An application that stops at once, as its broker is not there, and hangs at that."""
    argv = [sys.executable, "-c", PROGRAM, str(folder), str(hangs_s)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


def test_a_stop_that_hangs_is_ended_and_said(tmp_path: Path) -> None:
    done = ended(tmp_path, 3_600)
    assert done.returncode == UNAVAILABLE
    assert "not stopped within 5 s" in done.stderr + done.stdout
    assert "Stack for <Task" in done.stderr + done.stdout  # and where
    assert "stopped by itself" not in done.stdout


@pytest.mark.parametrize("hangs_s", at_length([1, 0]))
def test_a_stop_within_its_time_is_left_alone(tmp_path: Path, hangs_s: float) -> None:
    done = ended(tmp_path, hangs_s)
    assert "stopped by itself" in done.stdout
    assert "not stopped within" not in done.stderr + done.stdout
