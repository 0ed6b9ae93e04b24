"""The doctor against a whole instance: well, and with what is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.embedded.ports import spares
from tests.ingest.telemetry import RESOURCE, START_NS, chat, span, traces
from tests.running import Running, running, wait

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lightship(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("doctor") / "home", dashboard=False) as everything:
        yield everything


def ask(lightship: Running, *options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = lightship.lightship("doctor", "--json", *options)
    assert done.stdout, done.stderr
    return done.returncode, {c["check"]: c for c in json.loads(done.stdout)["checks"]}


def test_a_whole_instance_is_well_and_every_door_leads_to_a_row(lightship: Running) -> None:
    code, checks = ask(lightship)
    wrong = {name: c for name, c in checks.items() if c["state"] not in ("ok", "warn")}
    assert (code, wrong) == (0, {})
    for name in ("gateway", "worker", "alerts", "Kafka", "ClickHouse", "topics", "clock", "unredacted"):
        assert checks[name]["state"] == "ok", checks[name]
    for door in ("HTTP protobuf", "HTTP JSON", "Kafka otlp_spans_in"):
        assert "was stored after" in checks[door]["says"]
    assert checks["services"]["state"] == "warn"
    kept = lightship.rows("SELECT count(), countIf(synthetic), countIf(observed) FROM interactions FINAL")
    assert kept[0][0] == kept[0][1] >= 2
    assert kept[0][2] == 0


@pytest.mark.long
def test_what_an_application_does_not_send_is_told_with_its_variable(lightship: Running) -> None:
    bare = {k: v for k, v in chat().items() if not k.endswith("messages")}
    late_s = (time.time_ns() - START_NS) / 1e9 - 5
    request = traces(
        *(span(bare, span_id=i, trace=f"{i:032x}", start_s=late_s, dropped=9) for i in range(1, 21)),
        resource=RESOURCE | {"telemetry.sdk.language": "java"},
    )
    url = f"{lightship.gateway}/v1/traces"
    headers = {"content-type": "application/x-protobuf"}
    httpx.post(url, content=request.SerializeToString(), headers=headers).raise_for_status()
    wait(
        "the calls are stored",
        lambda: lightship.rows("SELECT count() FROM interactions WHERE NOT synthetic") == [(20,)],
    )
    done = lightship.lightship("doctor")
    assert done.returncode == 0
    assert "20 of its last 20 calls came without content" in done.stdout
    assert "CAPTURE_MESSAGE_CONTENT=true (read by the Java agent)" in done.stdout
    assert "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=1024" in done.stdout


@pytest.mark.long
def test_the_shell_of_an_application_is_compared(lightship: Running) -> None:
    code, checks = ask(lightship, "--app", "--wait", "0")
    assert code == 1
    endpoint = checks["app OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert endpoint["remedy"] == f"export OTEL_EXPORTER_OTLP_ENDPOINT={lightship.gateway}"


@pytest.mark.long
def test_without_anything_running_it_says_what_to_start(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTSHIP_")}
    environment |= {"LIGHTSHIP_KAFKA": "127.0.0.1:1", "LIGHTSHIP_CLICKHOUSE": "http://127.0.0.1:1"}
    ports = zip(("GATEWAY", "ALERTS"), spares(2), strict=True)
    environment |= {f"LIGHTSHIP_{name}_PORT": str(port) for name, port in ports}
    done = subprocess.run(
        [sys.executable, "-m", "lightship", "doctor", "--json"],
        env={**environment, "LIGHTSHIP_HOME": str(tmp_path), "LIGHTSHIP_CONFIG": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    checks = {c["check"]: c for c in json.loads(done.stdout)["checks"]}
    assert {checks[name]["state"] for name in ("Kafka", "ClickHouse", "gateway")} == {"away"}
