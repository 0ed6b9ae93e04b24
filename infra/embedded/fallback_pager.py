"""Who pages when the alerts service is what ends again and again: a process of its own, started for it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from infra.embedded.child_spec import ChildSpec
from infra.embedded.restart_loop import Restarted
from infra.embedded.supervisor import OnLoop

ALERTS = "alerts"
WITHIN_S = 180.0
"""How long the page may take; it is tried several times."""


def page_for_alerts(specs: Sequence[ChildSpec]) -> OnLoop:
    """What to do when a child of ``specs`` ends again and again: of the others the alerts service tells.

    It is started with the environment of the alerts service, and waited for on a thread of its own.
    """
    alerts = next((spec for spec in specs if spec.name == ALERTS), None)

    def on_loop(restarted: Restarted) -> None:
        if alerts is None or restarted.name != ALERTS:
            return
        now_ns = time.time_ns()
        argv = [sys.executable, "-m", "alerts.monitoring.direct_page", "--process", ALERTS]
        argv += [
            "--note",
            restarted.text(now_ns),
            "--since-ns",
            str(restarted.loop_since_ns(now_ns) or now_ns),
        ]
        threading.Thread(target=_run, args=(argv, alerts), name="page", daemon=True).start()

    return on_loop


def _run(argv: list[str], alerts: ChildSpec) -> None:
    process = subprocess.Popen(
        argv,
        cwd=alerts.cwd,
        env={**os.environ, **alerts.env},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
