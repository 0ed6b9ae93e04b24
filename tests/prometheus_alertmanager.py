"""A real Prometheus Alertmanager for tests, on free ports, with a loopback server that hears what it tells.

Debian's package is ``prometheus-alertmanager``; a program of the name ``alertmanager`` will do.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from infra.embedded.child_spec import NotReady
from infra.embedded.ports import LOOPBACK, spare
from infra.embedded.readiness import http_ready
from tests.loopback import Loopback, says

READY_S = 30.0
SETTINGS = """\
route:
  receiver: hook
  group_by: [service]
  group_wait: {group_wait}
  group_interval: 1s
  repeat_interval: 1h
inhibit_rules:
  - source_matchers: ['severity="page"']
    target_matchers: ['severity="ticket"']
    equal: [service]
receivers:
  - name: hook
    webhook_configs:
      - url: {hook}
        send_resolved: true
"""


def program() -> str | None:
    """Where it is."""
    return shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


def missing() -> str | None:
    """What the machine lacks, in words."""
    if program() is None:
        return "no Alertmanager (on Debian: apt-get install prometheus-alertmanager)"
    return None


@dataclass(frozen=True, slots=True)
class Told:
    """One alert of what was told: firing or resolved, and what it says."""

    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Alertmanager:
    """One process; `start` and `kill` may be called several times. Its data lie under ``home``."""

    def __init__(self, home: Path, group_wait: str = "1s") -> None:
        self._home = home
        self._port, self._group_wait = spare(), group_wait
        self._process: subprocess.Popen[bytes] | None = None
        self._hook = Loopback(says(200))
        self.url = f"http://{LOOPBACK}:{self._port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        named = program()
        assert named is not None, missing()
        config = self._home / "alertmanager.yml"
        config.write_text(SETTINGS.format(hook=self._hook.url, group_wait=self._group_wait), encoding="ascii")
        with (self._home / "alertmanager.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    named,
                    f"--config.file={config}",
                    f"--storage.path={self._home / 'data'}",
                    f"--web.listen-address={LOOPBACK}:{self._port}",
                    "--cluster.listen-address=",
                    f"--web.external-url={self.url}",
                ],
                stdout=log,
                stderr=log,
            )
        ready, end = http_ready(f"{self.url}/-/ready"), time.monotonic() + READY_S
        while True:
            try:
                return ready()
            except (OSError, NotReady):
                if self._process.poll() is not None or time.monotonic() > end:
                    self.kill()
                    said = (self._home / "alertmanager.log").read_text(encoding="utf-8")
                    raise AssertionError(f"Alertmanager does not become ready: {said[-500:]}") from None
                time.sleep(0.05)

    def kill(self) -> None:
        """Kill it; what it was told of alerts is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def alerts(self) -> list[dict[str, Any]]:
        """What it knows to be firing."""
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/api/v2/alerts", timeout=10).json()
        return found

    def silence(self, *matchers: str) -> str:
        """Silence what these match for an hour (``score=~"refus.*"``); the id of the silence."""
        now = datetime.now(UTC)
        read = [re.fullmatch(r'(\w+)(=~|=)"(.*)"', one) for one in matchers]
        rows = [{"name": m[1], "value": m[3], "isRegex": m[2] == "=~", "isEqual": True} for m in read if m]
        body = {
            "matchers": rows,
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "ana",
            "comment": "rolling back",
        }
        answer = httpx.post(f"{self.url}/api/v2/silences", json=body, timeout=10).raise_for_status()
        return str(answer.json()["silenceID"])

    def expire(self, silence_id: str) -> None:
        """End a silence."""
        httpx.delete(f"{self.url}/api/v2/silence/{silence_id}", timeout=10).raise_for_status()

    @property
    def notifications(self) -> list[list[Told]]:
        """What it told, each with its alerts."""
        return [
            [Told(a["status"], a["labels"], a["annotations"]) for a in request.json()["alerts"]]
            for request in list(self._hook.got)
        ]

    def __enter__(self) -> Alertmanager:
        self._hook.__enter__()
        try:
            self.start()
        except BaseException:
            self._hook.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._hook.__exit__()
