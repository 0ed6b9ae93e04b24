"""A changed settings file holds in the running process: the next incident goes to whom it names."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.commands.config_check import stored_warnings
from infra.kafka import FINDINGS
from infra.settings import ReceiverSettings
from ingest.operations.doctor.gather import process_server
from tests.alert_service import WAIT_S, World, new_world, until
from tests.alerts.invented import refusals
from tests.loopback import Loopback, says

pytestmark = pytest.mark.integration

READ_AT = "lightship_alerts_config_last_reload_success_timestamp_seconds"


class Site:
    """A process that follows its file, and two services of its own in the log of findings."""

    def __init__(self, world: World) -> None:
        self.world, self.names = world, [f"reload-{uuid.uuid4().hex[:8]}" for _ in range(3)]
        world.topic = FINDINGS.name
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.config = world.settings.home / "lightship.toml"

    def write(self, receivers: str, to: str) -> None:
        """Put a file in place whose route names a receiver."""
        text = f"""
[store]
database = "{self.world.settings.store.database}"
[kafka]
session_timeout_s = 2.0
[alerts]
port = {self.address.rpartition(":")[2]}
{receivers}
[[route]]
receiver = "{to}"
services = {self.names}
"""
        new = self.config.with_suffix(".new")
        new.write_text(text)
        new.replace(self.config)

    @contextmanager
    def process(self) -> Iterator[subprocess.Popen[bytes]]:
        settings = self.world.settings
        environ = {
            **os.environ,
            "LIGHTSHIP_KAFKA": settings.kafka.bootstrap,
            "LIGHTSHIP_CLICKHOUSE": settings.store.url,
            "LIGHTSHIP_HOME": str(settings.home),
            "LIGHTSHIP_CONFIG": str(self.config),
        }
        command = [sys.executable, "-m", "alerts.service"]
        process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def ready(self) -> dict[str, Any]:
        try:
            body: dict[str, Any] = httpx.get(f"{self.address}/readyz").json()
        except httpx.HTTPError:
            return {}
        return body

    def number(self, name: str) -> float:
        lines = httpx.get(f"{self.address}/metrics").text.splitlines()
        (value,) = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
        return float(value)


RULE = """
[[rule]]
score = "refusal"
measure = "rate"
limit = 0.25
[[slo]]
score = "error"
objective = 0.99
[[limit]]
score = "refusal"
at_most = 0.2
"""


def hook(name: str, server: Loopback) -> str:
    return f'[[receiver]]\nname = "{name}"\nurl = "{server.url}/{name}"\n'


def test_the_next_incident_goes_to_whom_the_changed_file_names_and_a_bad_one_changes_nothing(
    broker: str, store: str, tmp_path: Path
) -> None:
    with Loopback(says(200)) as first, Loopback(says(200)) as second:
        site = Site(new_world(broker, store, tmp_path, (ReceiverSettings(name="first", url=first.url),)))
        site.write(hook("first", first), "first")
        with site.process() as process:
            until(lambda: bool(site.ready().get("ready")))
            site.world.say(refusals(service=site.names[0]))
            until(lambda: len(first.got) == 1)

            began = site.number(READ_AT)
            site.world.watched(site.names[0])
            site.write(hook("second", second) + RULE, "second")
            until(lambda: site.number(READ_AT) > began)
            site.world.say(refusals("f2", service=site.names[1]))
            until(lambda: len(second.got) == 1)
            until(lambda: site.world.controls(site.names[0]) == ["rules_of_settings"])

            site.write(hook("third", first), "nobody")
            process.send_signal(signal.SIGHUP)
            until(lambda: bool(site.ready().get("config")))
            assert site.number("lightship_alerts_config_last_reload_successful") == 0
            server = process_server("alerts", site.address, "lightship up", elsewhere=False)
            assert server.config is not None
            assert "'nobody'" in server.config
            site.world.say(refusals("f3", service=site.names[2]))
            until(lambda: len(second.got) == 2)
            assert len(first.got) == 1
            named = replace(site.world.settings.route[0], services=("shopp", site.names[0]))
            ((warning,), not_asked) = stored_warnings(replace(site.world.settings, route=(named,)))
            assert warning.startswith("route[0] names service 'shopp', which nobody has seen")
            assert not_asked == ""
            process.terminate()
            _, log = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, log.decode()
    said = log.decode()
    assert "the settings of before stay in force" in said
    assert f"{second.url}/second" not in said
