"""A process that stood still is told so; one that runs is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

CODE = """
import os, time
from ingest.agents.heartbeat import Heartbeat
Heartbeat(3.0, lambda seconds: os._exit(7 if seconds > 3.0 else 8)).start()
print("up", flush=True)
time.sleep(60)
"""


def test_a_process_that_was_stopped_for_too_long_learns_it() -> None:
    with subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.5)
        assert process.poll() is None
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(4.0)
        os.kill(process.pid, signal.SIGCONT)
        assert process.wait(60) == 7
